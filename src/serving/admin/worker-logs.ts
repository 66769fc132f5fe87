import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { VariantRef } from "../backend.ts";

const TAIL_BYTES = 256 * 1024;
const MAX_LINES = 10_000;

/** Name (without `.log`) of the file that takes the output of a variant's workers. */
export function workerLogName({ service, version }: VariantRef): string {
  const plain = encodeURIComponent(service);
  // File names end at 255 bytes; a long one keeps its beginning and stays unique.
  const short = plain.length <= 120 ? plain : `${plain.slice(0, 100)}-${sha256(service).slice(0, 16)}`;
  return `worker-${short}-v${version}`;
}

/** Last lines that a variant's workers wrote; none when they wrote nothing. */
export async function workerLogLines(logsDir: string, ref: VariantRef, lines: number): Promise<string[]> {
  const file = await open(join(logsDir, `${workerLogName(ref)}.log`), "r").catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const bytes = new Uint8Array(size - start);
    await file.read(bytes, 0, bytes.length, start);
    const all = new TextDecoder().decode(bytes).split("\n");
    // The first line of a tail is most likely half of one.
    if (start > 0) all.shift();
    if (all.at(-1) === "") all.pop();
    return all.slice(-Math.min(Math.max(1, lines), MAX_LINES));
  } finally {
    await file.close();
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
