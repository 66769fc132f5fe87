import type { Migration } from "../store/database.ts";
import { evidenceMigration } from "./evidence-migration.ts";
import { serviceOwnersMigration } from "./service-owners.ts";

/** Tables of the rollouts: what was decided, what was projected from Git, what was counted. */
export const rolloutMigrations: readonly Migration[] = [
  {
    id: "rollout-001",
    statements: [
      `CREATE TABLE rollout_environment (
        id INTEGER PRIMARY KEY CHECK (id = 1), projected_commit TEXT, projected_order BIGINT NOT NULL,
        order_offset BIGINT NOT NULL,
        diverged TEXT, adopt INTEGER NOT NULL, join_seq BIGINT NOT NULL, prediction_seq BIGINT NOT NULL,
        prediction_cursor TEXT NOT NULL)`,
      `INSERT INTO rollout_environment VALUES (1, NULL, 0, 0, NULL, 0, 0, 0, '')`,
      `CREATE TABLE rollout_services (
        name TEXT PRIMARY KEY, project TEXT NOT NULL, champion BIGINT, challenger BIGINT,
        weight DOUBLE PRECISION NOT NULL, previous_champion BIGINT, commit_id TEXT, commit_order BIGINT NOT NULL,
        aliased_commit TEXT, serving TEXT, policy TEXT, stop TEXT, problem TEXT)`,
      `CREATE TABLE rollouts (
        id TEXT PRIMARY KEY, seq BIGINT NOT NULL UNIQUE, request_key TEXT NOT NULL UNIQUE, service TEXT NOT NULL,
        version BIGINT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, sentence TEXT,
        step INTEGER NOT NULL, request TEXT NOT NULL, champion BIGINT, held_from TEXT, wish TEXT,
        approved_by TEXT, judge_state TEXT, judgement TEXT, look BIGINT NOT NULL, labels_cursor BIGINT NOT NULL,
        created_at BIGINT NOT NULL, progressing_at BIGINT, deadline_at BIGINT, ended_at BIGINT)`,
      `CREATE INDEX rollouts_by_service ON rollouts (service, seq)`,
      `CREATE INDEX rollouts_by_state ON rollouts (state, service)`,
      `CREATE TABLE rollout_intents (
        id TEXT PRIMARY KEY, service TEXT NOT NULL, from_commit TEXT NOT NULL, rollout_id TEXT NOT NULL,
        desired TEXT NOT NULL, after_commit TEXT NOT NULL, evidence TEXT, state TEXT NOT NULL,
        created_at BIGINT NOT NULL, UNIQUE (service, from_commit))`,
      `CREATE TABLE rollout_epochs (commit_id TEXT NOT NULL, service TEXT NOT NULL, rollout_id TEXT NOT NULL,
        PRIMARY KEY (commit_id, service))`,
      `CREATE INDEX rollout_epochs_by_rollout ON rollout_epochs (rollout_id)`,
      `CREATE TABLE rollout_history (
        commit_id TEXT NOT NULL, service TEXT NOT NULL, commit_order BIGINT NOT NULL, at BIGINT NOT NULL,
        author TEXT NOT NULL, subject TEXT NOT NULL, champion BIGINT, challenger BIGINT,
        weight DOUBLE PRECISION NOT NULL, intent_id TEXT, rollout_id TEXT, evidence TEXT,
        PRIMARY KEY (service, commit_id))`,
      `CREATE TABLE rollout_audit (
        seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, service TEXT NOT NULL,
        rollout_id TEXT, reason TEXT NOT NULL)`,
      `CREATE INDEX rollout_audit_by_service ON rollout_audit (service, seq)`,
      `CREATE TABLE rollout_cursors (
        rollout_id TEXT NOT NULL, version BIGINT NOT NULL, arm TEXT NOT NULL, epoch TEXT NOT NULL,
        incarnation TEXT NOT NULL, share DOUBLE PRECISION NOT NULL, finished BIGINT NOT NULL,
        failed BIGINT NOT NULL, PRIMARY KEY (rollout_id, version, arm, epoch, incarnation, share))`,
      `CREATE TABLE rollout_contracts (
        service TEXT NOT NULL, version BIGINT NOT NULL, passed INTEGER NOT NULL, message TEXT NOT NULL,
        model_dir TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (service, version))`,
      `CREATE TABLE rollout_outbox (seq BIGINT PRIMARY KEY, event TEXT NOT NULL)`,
      `CREATE TABLE rollout_predictions (
        service TEXT NOT NULL, request_id TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL,
        epoch TEXT NOT NULL, share DOUBLE PRECISION NOT NULL, arm TEXT NOT NULL, direct INTEGER NOT NULL,
        prediction TEXT, PRIMARY KEY (service, request_id))`,
      `CREATE INDEX rollout_predictions_by_seq ON rollout_predictions (seq)`,
      `CREATE TABLE rollout_labels (
        service TEXT NOT NULL, request_id TEXT NOT NULL, label TEXT NOT NULL, at BIGINT NOT NULL,
        state TEXT NOT NULL, rollout_id TEXT, join_seq BIGINT, share DOUBLE PRECISION, arm TEXT,
        loss DOUBLE PRECISION, PRIMARY KEY (service, request_id))`,
      `CREATE INDEX rollout_labels_to_count ON rollout_labels (rollout_id, join_seq)`,
      `CREATE INDEX rollout_labels_by_state ON rollout_labels (state, at)`,
    ],
  },
  {
    id: "rollout-002",
    statements: [
      "ALTER TABLE rollout_cursors ADD COLUMN rest TEXT",
      "ALTER TABLE rollouts ADD COLUMN continues TEXT",
      "ALTER TABLE rollouts ADD COLUMN phase TEXT",
      "ALTER TABLE rollouts ADD COLUMN phase_at BIGINT",
      "UPDATE rollouts SET phase = 'steps', phase_at = progressing_at WHERE progressing_at IS NOT NULL",
      "UPDATE rollouts SET kind = 'instant' WHERE kind = 'direct'",
      "ALTER TABLE rollout_services ADD COLUMN shadow DOUBLE PRECISION",
      "ALTER TABLE rollout_history ADD COLUMN shadow DOUBLE PRECISION",
      // Per cent of requests that were copied under this commit; what a copy failed harmed nobody.
      "ALTER TABLE rollout_epochs ADD COLUMN shadow DOUBLE PRECISION",
    ],
  },
  evidenceMigration,
  {
    // A commit bears the time that its author's machine had, which may be long before it was pushed.
    id: "rollout-004",
    statements: [
      "ALTER TABLE rollout_history ADD COLUMN applied_at BIGINT",
      "CREATE INDEX rollout_history_by_order ON rollout_history (service, commit_order)",
    ],
  },
  serviceOwnersMigration,
];
