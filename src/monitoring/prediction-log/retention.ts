import type { PredictionLogSpec } from "../../spec/project.ts";
import type { LogFile } from "./log-files.ts";

const KEEP_MS = 30 * 86_400_000;
const MAX_BYTES = 2 ** 30;
/** Of all services together. */
const TOTAL_BYTES = 10 * 2 ** 30;

/** The files of one service, by its folder, with what its project's file says. */
export interface KeptFiles {
  folder: string;
  files: readonly LogFile[];
  log: Pick<PredictionLogSpec, "keep" | "maxSize"> | undefined;
}

/**
 * Files that go: those whose newest request is older than `keep`, the oldest of a service beyond its `maxSize`, then the
 * oldest of all beyond the whole log's room. Pure.
 */
export function overdue(
  services: readonly KeptFiles[],
  now: number,
  totalBytes = TOTAL_BYTES,
): { folder: string; file: LogFile }[] {
  const gone: { folder: string; file: LogFile }[] = [];
  const kept: { folder: string; file: LogFile }[] = [];
  for (const { folder, files, log } of services) {
    const { keep = KEEP_MS, maxSize = MAX_BYTES } = log ?? {};
    let room = maxSize;
    for (const file of [...files].sort((a, b) => b.to - a.to)) {
      room -= file.bytes;
      if (now - file.to > keep || room < 0) gone.push({ folder, file });
      else kept.push({ folder, file });
    }
  }
  let room = totalBytes;
  for (const one of kept.sort((a, b) => b.file.to - a.file.to)) {
    room -= one.file.bytes;
    if (room < 0) gone.push(one);
  }
  return gone;
}
