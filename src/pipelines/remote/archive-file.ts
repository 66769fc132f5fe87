import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { packTar } from "../../base/tar/pack.ts";

/** Packs the paths into a file; answers what names it. */
export async function packInto(
  file: string,
  root: string,
  paths: readonly string[],
): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of packTar(root, paths)) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  await pipeline(counted, createWriteStream(file, { mode: 0o600 }));
  return { sha256: hash.digest("hex"), size };
}
