import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ImportContext } from "../../import/driver/context.ts";
import type { FileTree } from "../../import/driver/file-tree.ts";
import type { Platform } from "../../import/driver/platform.ts";
import type { Peer } from "./peer.ts";

/** A smaller file is sent before it is known whether it had to be. */
const WORTH_ASKING = 64 * 1024;

/**
 * Asks the target whether it has a file's bytes from an earlier one, by their SHA-256. Reading twice where the file is costs
 * less than sending what is there.
 */
export function takesSame(
  to: Peer,
  platform: Platform,
  taken: (bytes: number) => void,
): NonNullable<ImportContext["takesSame"]> {
  return async (kind, ownerId, tree, { path, size }) => {
    if (size === undefined || size < WORTH_ASKING) return false;
    const sha256 = await platform.again(() => hashOf(tree, path));
    const file = { kind, ownerId, path, size, sha256 };
    const { isHere } = await to.post<{ isHere: boolean }>(`/pushes/${platform.importId}/files`, file);
    if (isHere) taken(size);
    return isHere;
  };
}

async function hashOf(tree: FileTree, path: string): Promise<string> {
  const { body } = await tree.open(path);
  const hash = createHash("sha256");
  if (body !== null) await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), hash);
  return hash.digest("hex");
}
