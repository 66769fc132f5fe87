import type { Migration } from "../store/database.ts";

/**
 * What was brought from where. An item's fingerprint is what its source said when it was brought whole; without one it
 * was begun only. Ids are the source's; `target_id` is ours, where they differ. The tenant's column has a name of its
 * own: notes about an import don't make a tenant one that isn't empty.
 */
export const importMigrations: readonly Migration[] = [
  {
    id: "imports-001",
    statements: [
      `CREATE TABLE imports (import_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, source TEXT NOT NULL,
        source_version TEXT, started_at BIGINT NOT NULL, ended_at BIGINT, report TEXT, UNIQUE (tenant, source))`,
      `CREATE TABLE import_items (import_id TEXT NOT NULL, kind TEXT NOT NULL, source_id TEXT NOT NULL,
        target_id TEXT NOT NULL, is_own SMALLINT NOT NULL, fingerprint TEXT, at BIGINT NOT NULL,
        PRIMARY KEY (import_id, kind, source_id))`,
      `CREATE TABLE import_files (import_id TEXT NOT NULL, kind TEXT NOT NULL, owner_id TEXT NOT NULL,
        path TEXT NOT NULL, size BIGINT NOT NULL, sha256 TEXT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (import_id, kind, owner_id, path))`,
    ],
  },
  // Where a file of the same bytes is, so that it needn't be sent twice.
  { id: "imports-002", statements: ["CREATE INDEX import_files_by_hash ON import_files (sha256, size)"] },
];
