import type { Migration } from "../../store/database.ts";

/** JSON is kept as text. Times are milliseconds since the epoch. */
export const evaluationDatasetMigrations: readonly Migration[] = [
  {
    id: "evaluation-datasets-001",
    statements: [
      `CREATE TABLE evaluation_datasets (dataset_id TEXT PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL,
        digest TEXT NOT NULL, schema_json TEXT, records BIGINT NOT NULL, created_time BIGINT NOT NULL,
        last_update_time BIGINT NOT NULL, created_by TEXT, last_updated_by TEXT)`,
      "CREATE INDEX evaluation_datasets_listed ON evaluation_datasets (workspace, created_time DESC, dataset_id DESC)",
      "CREATE INDEX evaluation_datasets_named ON evaluation_datasets (workspace, name)",
      `CREATE TABLE evaluation_dataset_tags (dataset_id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (dataset_id, key))`,
      `CREATE TABLE evaluation_dataset_experiments (dataset_id TEXT NOT NULL, experiment_id BIGINT NOT NULL,
        PRIMARY KEY (dataset_id, experiment_id))`,
      "CREATE INDEX evaluation_datasets_of_experiment ON evaluation_dataset_experiments (experiment_id, dataset_id)",
      // A dataset has one record for each input; its digest tells inputs apart.
      `CREATE TABLE evaluation_dataset_records (dataset_id TEXT NOT NULL, input_digest TEXT NOT NULL,
        record_id TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT, expectations TEXT, tags TEXT, source TEXT,
        created_time BIGINT NOT NULL, last_update_time BIGINT NOT NULL, created_by TEXT, last_updated_by TEXT,
        PRIMARY KEY (dataset_id, input_digest))`,
      "CREATE INDEX evaluation_dataset_records_listed ON evaluation_dataset_records (dataset_id, created_time, record_id)",
    ],
  },
];
