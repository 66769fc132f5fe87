import type { Migration } from "../store/database.ts";

/**
 * Where each version that ever served came from, as its tracking run said it: that run, and the version itself, may be
 * deleted. What served when is in the environment repository's commits and isn't kept a second time.
 */
export const historyMigrations: readonly Migration[] = [
  {
    id: "history-001",
    statements: [
      `CREATE TABLE served_versions (workspace TEXT NOT NULL, model TEXT NOT NULL, version BIGINT NOT NULL,
        run_id TEXT NOT NULL, recorded_at BIGINT NOT NULL, origin TEXT NOT NULL,
        PRIMARY KEY (workspace, model, version))`,
      "CREATE INDEX served_versions_of_run ON served_versions (workspace, run_id)",
    ],
  },
];
