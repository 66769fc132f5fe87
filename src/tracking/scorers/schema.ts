import type { Migration } from "../../store/database.ts";

/** Scorers of MLflow's GenAI evaluation, kept as the text that the client sent. */
export const scorerMigrations: readonly Migration[] = [
  {
    id: "scorers-001",
    statements: [
      `CREATE TABLE scorers (scorer_id TEXT PRIMARY KEY, experiment_id BIGINT NOT NULL, name TEXT NOT NULL,
        UNIQUE (experiment_id, name))`,
      `CREATE TABLE scorer_versions (scorer_id TEXT NOT NULL, version BIGINT NOT NULL, serialized TEXT NOT NULL,
        creation_time BIGINT NOT NULL, PRIMARY KEY (scorer_id, version))`,
    ],
  },
];
