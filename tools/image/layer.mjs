// Layers of an image, compressed, kept in the cache by what they are made of.
import { createHash } from "node:crypto";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { cacheFolder } from "../cluster/cache.mjs";
import { complete } from "./entries.mjs";
import { tar } from "./tar.mjs";

/** Counts when the format of what is kept changes. */
const EDITION = 1;

/**
 * @typedef {{ name: string, blob: string, digest: string, size: number, diffId: string }} Layer `blob`: file with the
 *   compressed archive; `digest` and `size` are its, `diffId` that of the archive itself (both `sha256:…`).
 * @param {string} name for people
 * @param {string} [folder] where they are kept
 * @param {readonly import("./entries.mjs").Entry[]} entries
 * @returns {Promise<Layer>}
 */
export async function layer(name, entries, folder = join(cacheFolder(), "layers")) {
  const all = complete(entries);
  const key = createHash("sha256")
    .update(JSON.stringify([EDITION, all]))
    .digest("hex");
  const [blob, facts] = [join(folder, `${key}.tar.gz`), join(folder, `${key}.json`)];
  if (existsSync(facts) && existsSync(blob))
    return { name, blob, ...JSON.parse(readFileSync(facts, "utf8")) };
  mkdirSync(folder, { recursive: true });
  const fresh = `${blob}.${process.pid}`;
  try {
    const [inner, outer] = [meter(), meter()];
    const gzip = createGzip({ level: 1 });
    await pipeline(Readable.from(tar(all)), inner.stream, gzip, outer.stream, createWriteStream(fresh));
    const made = { digest: outer.digest(), size: outer.size(), diffId: inner.digest() };
    renameSync(fresh, blob);
    writeFileSync(facts, JSON.stringify(made));
    return { name, blob, ...made };
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** Passes bytes on, counted and hashed. */
function meter() {
  const hash = createHash("sha256");
  let size = 0;
  const stream = new Transform({
    transform(piece, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      done(null, piece);
    },
  });
  return { stream, size: () => size, digest: () => `sha256:${hash.digest("hex")}` };
}
