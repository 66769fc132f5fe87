import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";
import { ownerFolder } from "./owner-folder.ts";
import type { FileKind, Kind } from "./kinds.ts";

/** Items and files that are looked at in one call. */
const PAGE = 1000;
/** Questions to the artifact store at one time. */
const AT_ONCE = 16;

export interface Checked {
  /** Looked at, whether they are here or not. */
  checked: number;
  bytes: number;
  /** What was brought and isn't here any more, or isn't as it was. */
  missing: string[];
  /** Where the next call goes on; absent at the end. */
  next?: string;
}

/** The table of a kind, and its columns of the id and the tenant. */
const TABLES: Readonly<Record<Kind, { table: string; id: string }>> = {
  experiment: { table: "experiments", id: "CAST(t.experiment_id AS TEXT)" },
  run: { table: "runs", id: "t.run_id" },
  "logged-model": { table: "logged_models", id: "t.model_id" },
  "registered-model": { table: "registered_models", id: "t.name" },
  trace: { table: "traces", id: "t.trace_id" },
};

/** The condition that an item `i` is here, in the tenant of the one placeholder. */
export function isHere(kind: Kind): string {
  const { table, id } = TABLES[kind];
  return `EXISTS (SELECT 1 FROM ${table} t WHERE ${id} = i.target_id AND t.workspace = ?)`;
}

/** Which of the items that were brought whole are still here: a page of them. */
export function checkItems(
  db: Database,
  args: { workspace: string; importId: string; kind: Kind; after: string },
): Promise<Checked> {
  return db.read(async (tx) => {
    const rows = await tx.all<{ source_id: string; here: number }>(
      `SELECT i.source_id, CASE WHEN ${isHere(args.kind)} THEN 1 ELSE 0 END AS here FROM import_items i
       WHERE i.import_id = ? AND i.kind = ? AND i.fingerprint IS NOT NULL AND i.source_id > ?
       ORDER BY i.source_id LIMIT ${PAGE}`,
      [args.workspace, args.importId, args.kind, args.after],
    );
    const last = rows.at(-1)?.source_id;
    return {
      checked: rows.length,
      bytes: 0,
      missing: rows.filter((row) => row.here === 0).map((row) => row.source_id),
      ...(rows.length === PAGE && last !== undefined ? { next: last } : {}),
    };
  });
}

interface FileRow {
  kind: FileKind;
  owner_id: string;
  path: string;
  size: number;
}

/** Which of the files that were brought are still in the artifact store with their size: a page of them. */
export async function checkFiles(
  db: Database,
  blobs: BlobStore,
  args: { workspace: string; importId: string; after: string },
): Promise<Checked> {
  const [kind = "", owner = "", path = ""] = args.after === "" ? [] : args.after.split("\n", 3);
  const rows = await db.read((tx) =>
    tx.all<FileRow>(
      `SELECT kind, owner_id, path, size FROM import_files
       WHERE import_id = ? AND (kind, owner_id, path) > (?, ?, ?)
       ORDER BY kind, owner_id, path LIMIT ${PAGE}`,
      [args.importId, kind, owner, path],
    ),
  );
  const missing: string[] = [];
  const folders = new Map<string, string | undefined>();
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const some = rows.slice(at, at + AT_ONCE);
    for (const row of some) {
      const name = `${row.kind} ${row.owner_id}`;
      if (folders.has(name)) continue;
      const find = db.read((tx) => ownerFolder(tx, args.workspace, row.kind, row.owner_id));
      folders.set(name, await find.catch(() => undefined));
    }
    await Promise.all(
      some.map(async (row) => {
        const folder = folders.get(`${row.kind} ${row.owner_id}`);
        const found = folder === undefined ? undefined : await blobs.stat(`${folder}/${row.path}`);
        if (found?.size !== row.size) missing.push(`${row.kind} ${row.owner_id}: ${row.path}`);
      }),
    );
  }
  const last = rows.at(-1);
  return {
    checked: rows.length,
    bytes: rows.reduce((sum, row) => sum + row.size, 0),
    missing,
    ...(rows.length === PAGE && last ? { next: `${last.kind}\n${last.owner_id}\n${last.path}` } : {}),
  };
}
