import type { Migration } from "../store/database.ts";
import { webhookMigrations } from "./webhooks/schema.ts";

/** A table as it was, with its rows, behind a key that begins with workspace and name. */
function rekeyed(table: string, columns: string, key: string): string[] {
  const kept = ["name", ...columns.split(",").map((column) => column.trim().split(" ")[0])].join(", ");
  return [
    `CREATE TABLE ${table}_002 (workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL, ${columns},
      PRIMARY KEY (workspace, name, ${key}))`,
    `INSERT INTO ${table}_002 (${kept}) SELECT ${kept} FROM ${table}`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${table}_002 RENAME TO ${table}`,
  ];
}

/** Names are unique within a workspace; versions count from 1 within a model and are never given twice. */
export const registryMigrations: readonly Migration[] = [
  {
    id: "registry-001",
    statements: [
      `CREATE TABLE registered_models (workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL,
        description TEXT NOT NULL, creation_time BIGINT NOT NULL, last_update_time BIGINT NOT NULL,
        last_version BIGINT NOT NULL, PRIMARY KEY (workspace, name))`,
      `CREATE TABLE registered_model_tags (name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (name, key))`,
      `CREATE TABLE model_versions (name TEXT NOT NULL, version BIGINT NOT NULL, description TEXT NOT NULL,
        user_id TEXT NOT NULL, stage TEXT NOT NULL, source TEXT NOT NULL, artifact_path TEXT NOT NULL,
        run_id TEXT NOT NULL, run_link TEXT NOT NULL, model_id TEXT NOT NULL, status TEXT NOT NULL,
        creation_time BIGINT NOT NULL, last_update_time BIGINT NOT NULL, PRIMARY KEY (name, version))`,
      "CREATE INDEX model_versions_of_run ON model_versions (run_id, name)",
      `CREATE TABLE model_version_tags (name TEXT NOT NULL, version BIGINT NOT NULL, key TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (name, version, key))`,
      // projected = 1: written by a rollout; clients may read it only.
      `CREATE TABLE model_aliases (name TEXT NOT NULL, alias TEXT NOT NULL, version BIGINT NOT NULL,
        projected SMALLINT NOT NULL, PRIMARY KEY (name, alias))`,
      "CREATE INDEX model_aliases_of_version ON model_aliases (name, version)",
    ],
  },
  {
    // The tables of what models own get their tenant as the first part of their keys.
    id: "registry-002",
    statements: [
      ...rekeyed("registered_model_tags", "key TEXT NOT NULL, value TEXT NOT NULL", "key"),
      ...rekeyed(
        "model_versions",
        `version BIGINT NOT NULL, description TEXT NOT NULL, user_id TEXT NOT NULL, stage TEXT NOT NULL,
         source TEXT NOT NULL, artifact_path TEXT NOT NULL, run_id TEXT NOT NULL, run_link TEXT NOT NULL,
         model_id TEXT NOT NULL, status TEXT NOT NULL, creation_time BIGINT NOT NULL,
         last_update_time BIGINT NOT NULL`,
        "version",
      ),
      "CREATE INDEX model_versions_of_run ON model_versions (run_id, name)",
      ...rekeyed(
        "model_version_tags",
        "version BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL",
        "version, key",
      ),
      ...rekeyed(
        "model_aliases",
        "alias TEXT NOT NULL, version BIGINT NOT NULL, projected SMALLINT NOT NULL",
        "alias",
      ),
      "CREATE INDEX model_aliases_of_version ON model_aliases (workspace, name, version)",
    ],
  },
  ...webhookMigrations,
  {
    id: "search-002",
    statements: [
      // The order of a search that names none, and the newest version of each stage.
      "CREATE INDEX model_versions_listed ON model_versions (workspace, last_update_time DESC, name, version DESC)",
      "CREATE INDEX model_versions_by_stage ON model_versions (workspace, name, stage, version)",
      "CREATE INDEX registered_models_listed ON registered_models (workspace, last_update_time, name)",
    ],
  },
];
