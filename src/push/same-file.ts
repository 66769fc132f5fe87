import type { BlobStore } from "../store/blobs.ts";
import type { Clock } from "../base/clock.ts";
import type { Database } from "../store/database.ts";
import { noteFile } from "../import/items.ts";
import type { FileKind } from "../import/kinds.ts";
import { ownerFolder } from "../import/owner-folder.ts";
import { checkedPath } from "../tracking/artifacts/uri.ts";

interface Asked {
  kind: FileKind;
  ownerId: string;
  path: string;
  size: number;
  sha256: string;
}

/** Places in which a file of the same bytes is looked for. */
const MOST_PLACES = 20;

/**
 * Puts a file into its place out of one with the same SHA-256 that was brought to the tenant before, so that its bytes
 * don't come twice. What is copied is hashed again: the older file may have been changed meanwhile.
 */
export async function takeFromHere(
  { db, blobs, clock }: { db: Database; blobs: BlobStore; clock: Clock },
  { kind, ownerId, path: given, size, sha256 }: Asked,
  { tenant, importId }: { tenant: string; importId: string },
): Promise<{ isHere: boolean }> {
  const path = checkedPath(given, given);
  const target = `${await db.read((tx) => ownerFolder(tx, tenant, kind, ownerId))}/${path}`;
  const places = await db.read((tx) =>
    tx.all<{ kind: FileKind; owner_id: string; path: string }>(
      `SELECT f.kind, f.owner_id, f.path FROM import_files f JOIN imports i ON i.import_id = f.import_id
       WHERE i.tenant = ? AND f.sha256 = ? AND f.size = ? ORDER BY f.at DESC LIMIT ${MOST_PLACES}`,
      [tenant, sha256, size],
    ),
  );
  for (const place of places) {
    const folder = await db
      .read((tx) => ownerFolder(tx, tenant, place.kind, place.owner_id))
      .catch(() => undefined);
    if (folder === undefined) continue;
    const from = `${folder}/${place.path}`;
    if ((await blobs.stat(from))?.size !== size) continue;
    const { body } = await blobs.get(from);
    const written = await blobs.put(target, body, { maxBytes: size });
    if (written.sha256 !== sha256) {
      await blobs.delete(target);
      continue;
    }
    await db.write(noteFile, { importId, kind, ownerId, path, size, sha256, now: clock.now() });
    return { isHere: true };
  }
  return { isHere: false };
}
