import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bytesOf } from "../../base/bytes.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobStore } from "../../store/blobs.ts";
import type { Git } from "../plumbing.ts";
import type { PushedObjects } from "../refusal.ts";
import { asAway } from "./deadline.ts";
import { damaged, type MirroredPack } from "./manifest.ts";

/** Signature, version and number of objects (gitformat-pack). */
const HEADER_BYTES = 12;
/** No hook of ours is asked, and HTTP's limits don't apply. */
const NO_HOOKS: readonly (readonly [string, string])[] = [["core.hooksPath", "/dev/null"]];

/** What goes into a pack. */
export interface Selection {
  /** Object ids whose reach goes into the pack … */
  tips: readonly string[];
  /** … without what these reach; each must be in the repository. */
  without: readonly string[];
  /** Look for deltas: smaller, and much more work. What is a delta already stays one in any case. */
  isDense: boolean;
}

/**
 * Packs a part of a repository's history straight into the store, where it appears whole or not at all. Undefined when
 * there is nothing to pack. `onBytes` hears how many bytes have gone out so far.
 */
export async function sendPack(
  { git, blobs }: { git: Git; blobs: BlobStore },
  { repository, env }: PushedObjects,
  selection: Selection,
  target: { path: string; onBytes: (sent: number) => void },
): Promise<{ bytes: number; sha256: string } | undefined> {
  const dense = selection.isDense ? [] : ["--window=0"];
  const args = ["pack-objects", "--revs", "--stdout", "--delta-base-offset", "--threads=1", "-q", ...dense];
  const child = git.start(args, {
    env: { ...env, GIT_DIR: repository },
    config: NO_HOOKS,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = lastWords(child);
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  ended.catch(() => {});
  child.stdin?.on("error", () => {});
  child.stdin?.end([...selection.tips, ...selection.without.map((id) => `^${id}`), ""].join("\n"));
  let sent = 0;
  async function* content(head: Uint8Array, rest: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
    yield head;
    for await (const chunk of rest) {
      sent += chunk.length;
      target.onBytes(sent);
      yield bytesOf(chunk);
    }
    const [code, signal] = await ended;
    // A pack that breaks off must not look like one that ended.
    if (code !== 0) throw packFailed(repository, said(), code ?? signal);
  }
  try {
    if (child.stdout === null) throw packFailed(repository, "it has no output", null);
    const chunks = child.stdout.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    const head = await readHead(chunks);
    if (head.length < HEADER_BYTES) {
      const [code, signal] = await ended;
      throw packFailed(repository, said(), code ?? signal);
    }
    if (head.readUInt32BE(8) === 0) return undefined;
    sent = head.length;
    const rest = { [Symbol.asyncIterator]: () => chunks };
    const stored = await blobs.put(target.path, Readable.from(content(bytesOf(head), rest)));
    return { bytes: stored.size, sha256: stored.sha256 };
  } finally {
    child.kill("SIGKILL");
  }
}

/** Brings a pack from the store into the repository. GIT_MIRROR_DAMAGED when it isn't the one that was sent. */
export async function fetchPack(
  { git, blobs }: { git: Git; blobs: BlobStore },
  repository: string,
  pack: MirroredPack,
  path: string,
): Promise<void> {
  let source: Readable;
  try {
    source = (await blobs.get(path)).body;
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "NOT_FOUND")
      throw damaged(path, "a pack is missing", error);
    throw error;
  }
  const child = git.start(["index-pack", "--stdin"], {
    env: { GIT_DIR: repository },
    config: NO_HOOKS,
    stdio: ["pipe", "ignore", "pipe"],
  });
  const said = lastWords(child);
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  ended.catch(() => {});
  const hash = createHash("sha256");
  async function* hashed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(bytesOf(chunk));
      yield chunk;
    }
  }
  try {
    if (child.stdin === null) throw packFailed(repository, "it has no input", null);
    let lost: Error | undefined;
    source.once("error", (error) => (lost = error));
    // Git judges what it has read; that it closes its end when it has everything is no failure.
    const sending = pipeline(source, hashed, child.stdin).catch(() => {});
    const [[code]] = await Promise.all([ended, sending]);
    if (lost !== undefined && code !== 0) throw asAway(lost);
    if (code !== 0) throw damaged(path, said() || `git index-pack ended with ${code}`);
  } finally {
    child.kill("SIGKILL");
    source.destroy();
  }
  if (hash.digest("hex") !== pack.sha256) throw damaged(path, "a pack isn't the one that was sent");
}

/** The first chunks, up to a pack's header or the end. */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < HEADER_BYTES) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head as unknown as Uint8Array, next.value as unknown as Uint8Array]);
  }
  return head;
}

function lastWords({ stderr }: ChildProcess): () => string {
  let said = "";
  stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-4096);
  });
  return () => said.trim().split("\n").at(-1) ?? "";
}

function packFailed(repository: string, said: string, code: number | NodeJS.Signals | null): SlipwayError {
  return new SlipwayError("GIT_FAILED", `git pack-objects: ${said || `ended with ${code}`}`, {
    where: repository,
  });
}
