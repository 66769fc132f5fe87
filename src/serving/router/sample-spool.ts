import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf, joinBuffers } from "../../base/bytes.ts";

export interface SampleSpoolOptions {
  dir: string;
  /** Of this process; sorts behind those of the processes before. */
  incarnation: string;
  /** A segment is ended when it is this large, or this old (milliseconds). */
  segmentBytes: number;
  segmentMs: number;
  /** Of all segments that nobody has taken yet; what comes beyond is refused. */
  totalBytes: number;
  /** Records that can't be written. */
  onLost: (records: readonly SpooledRecord[]) => void;
}

export interface SpooledRecord {
  service: string;
  bytes: Buffer;
}

/** Endings of a segment that is being written, and of one that is whole and may be taken. */
export const SPOOL_OPEN = ".open";
export const SPOOL_ENDED = ".spool";

const FLUSH_MS = 100;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** A full spool is measured again no sooner. */
const MEASURE_MS = 1_000;

/**
 * Records on their way to the Parquet files, in segments that another process takes: appended in batches beside the
 * requests, so that a killed process loses at most a batch's time and a slow or full disk costs records, never an
 * answer. A segment that is ended gets another name in one step and is never written again.
 */
export class SampleSpool {
  readonly #options: SampleSpoolOptions;
  #waiting: SpooledRecord[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #segment: { path: string; file: FileHandle; bytes: number; timer: NodeJS.Timeout } | undefined;
  #sequence = 0;
  #onDisk = 0;
  #measuredAt = 0;
  /** Everything that touches files comes one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: SampleSpoolOptions) {
    this.#options = options;
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(options.dir)) {
      const path = join(options.dir, name);
      const { size } = statSync(path);
      this.#onDisk += size;
      if (!name.endsWith(SPOOL_OPEN)) continue;
      // Of a process that was killed.
      if (size === 0) rmSync(path);
      else renameSync(path, endedName(path));
    }
  }

  /** False when there is no room for it. */
  add(record: SpooledRecord): boolean {
    const bytes = record.bytes.length;
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) return false;
    if (this.#onDisk + this.#waitingBytes + bytes > this.#options.totalBytes) {
      this.#measureSoon();
      return false;
    }
    this.#waiting.push(record);
    this.#waitingBytes += bytes;
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
    return true;
  }

  /** Resolves when what was added before is in a segment, or lost. */
  flush(): Promise<void> {
    return this.#next(() => this.#write());
  }

  /** Ends the present segment, with all that was added before. */
  roll(): Promise<void> {
    return this.#next(async () => {
      await this.#write();
      await this.#end();
      await this.#measure();
    });
  }

  #next(act: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(act);
    return this.#last;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const records = this.#waiting;
    const bytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (records.length === 0) return;
    try {
      this.#segment ??= await this.#begin();
      await this.#segment.file.appendFile(bytesOf(joinBuffers(records.map((record) => record.bytes))));
      this.#segment.bytes += bytes;
      this.#onDisk += bytes;
      if (this.#segment.bytes >= this.#options.segmentBytes) await this.#end();
    } catch {
      this.#options.onLost(records);
      // What is half written must be the segment's last.
      await this.#end();
    }
  }

  async #begin() {
    const { dir, incarnation, segmentMs } = this.#options;
    this.#sequence += 1;
    const path = join(dir, `${incarnation}-${String(this.#sequence).padStart(8, "0")}${SPOOL_OPEN}`);
    const file = await open(path, "wx", 0o600);
    const timer = setTimeout(() => void this.roll(), segmentMs);
    timer.unref();
    return { path, file, bytes: 0, timer };
  }

  async #end(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    clearTimeout(segment.timer);
    try {
      await segment.file.close();
      if (segment.bytes === 0) await rm(segment.path, { force: true });
      else await rename(segment.path, endedName(segment.path));
    } catch {
      // The next process takes it up.
    }
  }

  #measureSoon(): void {
    const now = performance.now();
    if (now - this.#measuredAt < MEASURE_MS) return;
    this.#measuredAt = now;
    void this.#next(() => this.#measure());
  }

  /** Segments go when they are taken. */
  async #measure(): Promise<void> {
    try {
      const names = await readdir(this.#options.dir);
      const sizes = names.map((name) =>
        stat(join(this.#options.dir, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      );
      this.#onDisk = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    } catch {
      // The last measure holds.
    }
  }
}

function endedName(path: string): string {
  return path.slice(0, -SPOOL_OPEN.length) + SPOOL_ENDED;
}
