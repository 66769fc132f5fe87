import { mkdirSync, readdirSync, statSync } from "node:fs";
import { appendFile, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf } from "../../base/bytes.ts";
import type { FoundPrediction, PredictionPage, PredictionRecord } from "../outcomes.ts";

export interface PredictionLogOptions {
  dir: string;
  /** Of this process; sorts behind those of the processes before. */
  incarnation: string;
  segmentBytes: number;
  totalBytes: number;
}

const FLUSH_MS = 50;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** Looked through for one page, so that nobody waits for a log of other services. */
const SCAN_BYTES = 16 * 1024 * 1024;

interface Segment {
  name: string;
  bytes: number;
}

/**
 * Answered predictions as lines of JSON in segments of bounded size; the oldest segments go first. Written
 * beside the requests, in batches: a full or slow disk costs records (and says so by a gap), never an answer.
 */
export class PredictionLog {
  readonly #options: PredictionLogOptions;
  readonly #segments: Segment[];
  #sequence = 0;
  #lines: string[] = [];
  #waitingBytes = 0;
  #isFlushing = false;
  /** Records that came, and how many of them are written or lost. */
  #added = 0;
  #settled = 0;
  #searching: Promise<unknown> = Promise.resolve();
  #waiting: { upTo: number; done: () => void }[] = [];
  /** Name of the newest segment that was dropped, or in which records were. */
  #droppedUpTo = "";

  constructor(options: PredictionLogOptions) {
    this.#options = options;
    mkdirSync(options.dir, { recursive: true });
    this.#segments = readdirSync(options.dir)
      .filter((name) => name.endsWith(".jsonl"))
      .sort()
      .map((name) => ({ name, bytes: statSync(join(options.dir, name)).size }));
  }

  /**
   * @param prediction JSON as the worker wrote it, which goes into the line as it is; "": none
   * @param shadow what the challenger made of its copy
   */
  add(
    record: Omit<PredictionRecord, "prediction" | "shadow">,
    prediction = "",
    shadow?: { version: number; status: number; prediction: string },
  ): void {
    let line = lineOf(record, prediction);
    if (shadow !== undefined) {
      const { version, status } = shadow;
      line = `${line.slice(0, -2)},"shadow":${withRaw({ version, status }, shadow.prediction)}}\n`;
    }
    if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) return this.#lose();
    this.#lines.push(line);
    this.#added += 1;
    this.#waitingBytes += line.length;
    if (!this.#isFlushing) void this.#flushSoon();
    return undefined;
  }

  /** Resolves when all that was added before is in the file, or lost. */
  flush(): Promise<void> {
    if (this.#settled >= this.#added) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ upTo: this.#added, done }));
  }

  /**
   * Records behind the cursor that were added before this call, at most `limit`; "" begins with the oldest.
   * @param services whose records are wanted; those of others are passed over unread. undefined: of all
   */
  async readAll(cursor: string, limit: number, services?: readonly string[]): Promise<PredictionPage> {
    if (services?.length === 0) return this.#end(cursor);
    const written = await this.read(cursor, limit, services);
    if (!written.isEnd || this.#settled >= this.#added) return written;
    await this.flush();
    const rest = await this.read(written.cursor, limit - written.records.length, services);
    return { ...rest, records: [...written.records, ...rest.records], gap: written.gap || rest.gap };
  }

  /** Records behind the cursor that are written, at most `limit`; as `readAll`. */
  async read(cursor: string, limit: number, services?: readonly string[]): Promise<PredictionPage> {
    const colon = cursor.lastIndexOf(":");
    let name = colon === -1 ? "" : cursor.slice(0, colon);
    let offset = colon === -1 ? 0 : Number(cursor.slice(colon + 1)) || 0;
    const records: PredictionRecord[] = [];
    const gap =
      cursor !== "" && name <= this.#droppedUpTo && !this.#segments.some((own) => own.name === name);
    const list = this.#segments.filter((own) => own.name >= name);
    const wanted = services?.map((service) => Buffer.from(`"service":${JSON.stringify(service)},`));
    let left = SCAN_BYTES;
    for (const segment of list) {
      if (segment.name !== name) [name, offset] = [segment.name, 0];
      while (records.length < limit && offset < segment.bytes && left > 0) {
        const read = await this.#readLines(segment, offset, limit - records.length, wanted);
        if (read.bytes === 0) break;
        records.push(...read.records);
        offset += read.bytes;
        left -= read.bytes;
      }
      if (records.length >= limit || left <= 0) break;
    }
    const isEnd = records.length < limit && left > 0;
    return { records, cursor: name === "" ? cursor : `${name}:${offset}`, gap, isEnd };
  }

  /** Behind everything that is written. */
  #end(cursor: string): PredictionPage {
    const last = this.#segments.at(-1);
    const end = last === undefined ? cursor : `${last.name}:${last.bytes}`;
    return { records: [], cursor: end, gap: false, isEnd: true };
  }

  /**
   * The newest record of an id. The segments are read whole, newest first and a piece at a time, so that no request has
   * to wait for it; one search after the other.
   */
  find(requestId: string): Promise<FoundPrediction> {
    const found = this.#searching.then(async () => {
      await this.flush();
      const wanted = Buffer.from(`{"requestId":${JSON.stringify(requestId)},`);
      for (const segment of this.#segments.toReversed()) {
        const record = await this.#findIn(segment, wanted);
        if (record !== undefined) return { record, since: await this.#since() };
      }
      return { since: await this.#since() };
    });
    this.#searching = found.catch(() => undefined);
    return found;
  }

  /** The last line of a segment that begins so. */
  async #findIn(segment: Segment, wanted: Buffer): Promise<PredictionRecord | undefined> {
    const file = await open(join(this.#options.dir, segment.name), "r").catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const room = Buffer.allocUnsafe(READ_BYTES);
      let newest: PredictionRecord | undefined;
      for (let offset = 0; offset < segment.bytes;) {
        const { bytesRead } = await file.read(bytesOf(room), 0, room.length, offset);
        const whole = room.subarray(0, bytesRead).lastIndexOf(10) + 1;
        if (whole === 0) break;
        const piece = room.subarray(0, whole);
        const start = piece.lastIndexOf(bytesOf(wanted));
        if (start >= 0)
          newest = parseLine(bytesOf(piece.subarray(start, piece.indexOf(10, start)))) ?? newest;
        offset += whole;
      }
      return newest;
    } finally {
      await file.close();
    }
  }

  async #since(): Promise<number | null> {
    const [oldest] = (await this.read("", 1)).records;
    return oldest?.at ?? null;
  }

  async #readLines(
    segment: Segment,
    offset: number,
    limit: number,
    wanted?: readonly Buffer[],
  ): Promise<{ records: PredictionRecord[]; bytes: number }> {
    const room = new Uint8Array(Math.min(READ_BYTES, segment.bytes - offset));
    const file = await open(join(this.#options.dir, segment.name), "r").catch(() => undefined);
    if (file === undefined) return { records: [], bytes: 0 };
    try {
      const { bytesRead } = await file.read(room, 0, room.length, offset);
      const records: PredictionRecord[] = [];
      let start = 0;
      while (records.length < limit) {
        const end = room.indexOf(10, start);
        if (end === -1 || end >= bytesRead) break;
        const line = room.subarray(start, end);
        const record = isWanted(line, wanted) ? parseLine(line) : undefined;
        if (record !== undefined) records.push(record);
        start = end + 1;
      }
      return { records, bytes: start };
    } finally {
      await file.close();
    }
  }

  async #flushSoon(): Promise<void> {
    this.#isFlushing = true;
    await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
    while (this.#lines.length > 0) {
      const text = this.#lines.join("");
      const upTo = this.#settled + this.#lines.length;
      this.#lines = [];
      this.#waitingBytes = 0;
      await this.#append(text);
      this.#settle(upTo);
    }
    this.#isFlushing = false;
  }

  #settle(upTo: number): void {
    this.#settled = upTo;
    const done = this.#waiting.filter((one) => one.upTo <= upTo);
    this.#waiting = this.#waiting.filter((one) => one.upTo > upTo);
    for (const one of done) one.done();
  }

  async #append(text: string): Promise<void> {
    const { dir, incarnation, segmentBytes } = this.#options;
    let segment = this.#segments.at(-1);
    if (
      segment === undefined ||
      !segment.name.startsWith(`${incarnation}-`) ||
      segment.bytes >= segmentBytes
    ) {
      this.#sequence += 1;
      segment = { name: `${incarnation}-${String(this.#sequence).padStart(8, "0")}.jsonl`, bytes: 0 };
      this.#segments.push(segment);
    }
    try {
      await appendFile(join(dir, segment.name), text, { mode: 0o600 });
      segment.bytes += Buffer.byteLength(text);
    } catch {
      // What was half written would join the next line: the next batch begins a new segment.
      this.#lose();
      segment.bytes = Number.MAX_SAFE_INTEGER;
      segment.bytes = statSync(join(dir, segment.name), { throwIfNoEntry: false })?.size ?? 0;
      this.#sequence += 1;
      this.#segments.push({
        name: `${incarnation}-${String(this.#sequence).padStart(8, "0")}.jsonl`,
        bytes: 0,
      });
    }
    await this.#dropOldest();
  }

  async #dropOldest(): Promise<void> {
    let total = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
    while (total > this.#options.totalBytes && this.#segments.length > 1) {
      const oldest = this.#segments.shift();
      if (oldest === undefined) return;
      total -= oldest.bytes;
      this.#droppedUpTo = oldest.name;
      await rm(join(this.#options.dir, oldest.name), { force: true });
    }
  }

  #lose(): void {
    this.#droppedUpTo = this.#segments.at(-1)?.name ?? this.#droppedUpTo;
  }
}

/** As JSON.stringify would write it, in a third of its time: of a request's cost here this was the largest part. */
function lineOf(record: Omit<PredictionRecord, "prediction" | "shadow">, prediction: string): string {
  const { requestId, at, service, version, epoch, share, arm, status, direct, fallback } = record;
  let line = `{"requestId":${JSON.stringify(requestId)},"at":${at},"service":${JSON.stringify(service)},"version":${version},"epoch":${JSON.stringify(epoch)},"share":${share},"arm":"${arm}","status":${status}`;
  if (direct === true) line += ',"direct":true';
  if (fallback !== undefined) line += `,"fallback":${JSON.stringify(fallback)}`;
  if (prediction !== "") line += `,"prediction":${prediction}`;
  return `${line}}\n`;
}

/** The object as JSON, with a `prediction` that is JSON already. */
function withRaw(object: object, prediction: string): string {
  const text = JSON.stringify(object);
  return prediction === "" ? text : `${text.slice(0, -1)},"prediction":${prediction}}`;
}

/** By the service's name as it stands in the line, which costs a tenth of reading the line. */
function isWanted(line: Uint8Array, wanted: readonly Buffer[] | undefined): boolean {
  if (wanted === undefined) return true;
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  return wanted.some((service) => text.includes(service));
}

/** undefined for a line that a killed process left unfinished. */
function parseLine(bytes: Uint8Array): PredictionRecord | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as PredictionRecord;
  } catch {
    return undefined;
  }
}
