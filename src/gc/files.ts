import type { BlobStore } from "../store/blobs.ts";

/** Folders that are looked through or removed at the same time: a store in the network answers slowly. */
const AT_ONCE = 8;

export interface Files {
  files: number;
  bytes: number;
}

/** What lies below a folder. */
export async function filesBelow(blobs: BlobStore, folder: string): Promise<Files> {
  const found: Files = { files: 0, bytes: 0 };
  for await (const { size } of blobs.walk(folder)) {
    found.files++;
    found.bytes += size;
  }
  return found;
}

/** Removes a folder and, when nothing else is in it, the one above that was made for it; answers what went. */
export async function removeFolder(blobs: BlobStore, folder: string): Promise<Files> {
  const gone = await filesBelow(blobs, folder);
  await blobs.delete(folder);
  const above = /^(.+\/[^/]+)\/artifacts$/.exec(folder)?.[1];
  if (above !== undefined && (await isEmpty(blobs, above))) await blobs.delete(above);
  return gone;
}

async function isEmpty(blobs: BlobStore, folder: string): Promise<boolean> {
  // Not by a listing: that reads all of it.
  for await (const _ of blobs.walk(folder)) return false;
  return true;
}

/** Does the same with all of a list, several at a time; the first error ends it. */
export async function forEach<Item>(
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (const item of waiting) await act(item);
  });
  await Promise.all(workers);
}
