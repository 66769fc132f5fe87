import { SlipwayError } from "../http/errors.ts";
import { defineCommand, type ReadTx, type SqlValue, type Tx } from "../store/database.ts";
import type { FileKind, Kind } from "./kinds.ts";

export interface ItemRow {
  source_id: string;
  target_id: string;
  /** 1: made by the import; 0: it was here already, and what is here wins. */
  is_own: 0 | 1;
  fingerprint: string | null;
}

export interface ImportRow {
  import_id: string;
  source: string;
  source_version: string | null;
  started_at: number;
  ended_at: number | null;
  report: string | null;
}

/** The import from that source into that tenant; the same one whenever it is begun again. */
export const beginImport = defineCommand(
  "imports.begin",
  async (
    tx,
    args: { workspace: string; importId: string; source: string; version: string | null; now: number },
  ): Promise<string> => {
    const row = await tx.get<{ import_id: string }>(
      `INSERT INTO imports (import_id, tenant, source, source_version, started_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (tenant, source) DO UPDATE SET source_version = excluded.source_version,
         started_at = excluded.started_at, ended_at = NULL RETURNING import_id`,
      [args.importId, args.workspace, args.source, args.version, args.now],
    );
    return row?.import_id ?? args.importId;
  },
);

export const endImport = defineCommand(
  "imports.end",
  async (tx, { importId, report, now }: { importId: string; report: string; now: number }): Promise<void> => {
    await tx.run("UPDATE imports SET ended_at = ?, report = ? WHERE import_id = ?", [now, report, importId]);
  },
);

export interface ItemArgs {
  importId: string;
  kind: Kind;
  sourceId: string;
  targetId: string;
  isOwn: boolean;
  /** Null: begun only. */
  fingerprint: string | null;
  now: number;
}

/** Notes an item. Whether it is the import's own is decided when it is begun, and where it went. */
export async function putItem(tx: Tx, args: ItemArgs): Promise<void> {
  await tx.run(
    `INSERT INTO import_items (import_id, kind, source_id, target_id, is_own, fingerprint, at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (import_id, kind, source_id)
     DO UPDATE SET fingerprint = excluded.fingerprint, at = excluded.at`,
    [args.importId, args.kind, args.sourceId, args.targetId, args.isOwn ? 1 : 0, args.fingerprint, args.now],
  );
}

export const noteItem = defineCommand("imports.note-item", (tx, args: ItemArgs) => putItem(tx, args), {
  scope: ({ importId, kind, sourceId }) => `import/${importId}/${kind}/${sourceId}`,
});

export interface FileArgs {
  importId: string;
  kind: FileKind;
  ownerId: string;
  path: string;
  size: number;
  sha256: string;
  now: number;
}

export const noteFile = defineCommand(
  "imports.note-file",
  async (tx, args: FileArgs): Promise<void> => {
    await tx.run(
      `INSERT INTO import_files (import_id, kind, owner_id, path, size, sha256, at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (import_id, kind, owner_id, path)
         DO UPDATE SET size = excluded.size, sha256 = excluded.sha256, at = excluded.at`,
      [args.importId, args.kind, args.ownerId, args.path, args.size, args.sha256, args.now],
    );
  },
  { scope: ({ importId, kind, ownerId }) => `import/${importId}/files/${kind}/${ownerId}` },
);

export function findItem(
  tx: ReadTx,
  importId: string,
  kind: Kind,
  sourceId: string,
): Promise<ItemRow | undefined> {
  return tx.get(
    `SELECT source_id, target_id, is_own, fingerprint FROM import_items
     WHERE import_id = ? AND kind = ? AND source_id = ?`,
    [importId, kind, sourceId],
  );
}

/** Those of the ids that were begun, and of which the condition on `i` is true. */
export async function knownItems(
  tx: ReadTx,
  importId: string,
  kind: Kind,
  ids: readonly string[],
  here: { sql: string; params: readonly SqlValue[] },
): Promise<ItemRow[]> {
  if (ids.length === 0) return [];
  return tx.all(
    `SELECT i.source_id, i.target_id, i.is_own, i.fingerprint FROM import_items i
     WHERE i.import_id = ? AND i.kind = ? AND i.source_id IN (${ids.map(() => "?").join(", ")}) AND ${here.sql}`,
    [importId, kind, ...ids, ...here.params],
  );
}

export function knownFiles(
  tx: ReadTx,
  importId: string,
  kind: FileKind,
  ownerId: string,
): Promise<{ path: string; size: number; sha256: string }[]> {
  return tx.all(
    "SELECT path, size, sha256 FROM import_files WHERE import_id = ? AND kind = ? AND owner_id = ? ORDER BY path",
    [importId, kind, ownerId],
  );
}

/** What is brought for an import; of a push nothing is changed that came from elsewhere. */
export interface Bringing {
  importId: string;
  isPush: boolean;
  now: number;
}

/**
 * Notes that something of a push is begun, so that what is half here is known as its own. IMPORT_CONFLICT when it is here
 * and came from elsewhere: the source would overwrite what it knows nothing of.
 */
export async function beginOwn(
  tx: Tx,
  { importId, isPush, now }: Bringing,
  { kind, id, isHere }: { kind: Kind; id: string; isHere: boolean },
): Promise<void> {
  if (!isPush || (await findItem(tx, importId, kind, id))) return;
  if (isHere)
    throw new SlipwayError("IMPORT_CONFLICT", "another one has this id here", { where: `${kind} ${id}` });
  await putItem(tx, { importId, kind, sourceId: id, targetId: id, isOwn: true, fingerprint: null, now });
}
