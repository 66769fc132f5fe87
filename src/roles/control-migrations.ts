import { gcMigrations } from "../gc/schema.ts";
import { gitMigrations } from "../git/commands.ts";
import { historyMigrations } from "../history/schema.ts";
import { importMigrations } from "../import/schema.ts";
import { pipelineMigrations } from "../pipelines/commands.ts";
import { registryMigrations } from "../registry/schema.ts";
import { rolloutMigrations } from "../rollout/migrations.ts";
import { goneCountsMigrations } from "../serving/gone-counts.ts";
import type { Migration } from "../store/database.ts";
import { eventMigrations } from "../store/events.ts";
import { leaderMigrations } from "../store/leader.ts";
import { ownerMigrations } from "../store/owner.ts";
import { tenancyMigrations } from "../tenancy/schema.ts";
import { trackingMigrations } from "../tracking/schema.ts";

/** Of all that control keeps in its database, in the order in which they are applied to an empty one. */
export const CONTROL_MIGRATIONS: readonly Migration[] = [
  ...leaderMigrations,
  ...ownerMigrations,
  ...eventMigrations,
  ...trackingMigrations,
  ...registryMigrations,
  ...gitMigrations,
  ...pipelineMigrations,
  ...rolloutMigrations,
  ...tenancyMigrations,
  ...importMigrations,
  ...gcMigrations,
  ...historyMigrations,
  ...goneCountsMigrations,
];
