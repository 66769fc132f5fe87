const MAX_LINE = 500;

/**
 * What a model's process prints: passed on to the worker's log as far as it isn't a flood, its last lines kept to
 * tell of the process's end.
 */
export class OutputTail {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #keep: number;
  readonly #bytesPerSecond: number;
  #lines: string[] = [];
  #part = "";
  #second = 0;
  #written = 0;
  #dropped = 0;

  /** @param keep lines; a log that blocks would stop the worker, so at most `bytesPerSecond` go to it */
  constructor(options: { write(text: string): void; now(): number; keep?: number; bytesPerSecond?: number }) {
    this.#write = options.write;
    this.#now = options.now;
    this.#keep = options.keep ?? 150;
    this.#bytesPerSecond = options.bytesPerSecond ?? 64 * 1024;
  }

  push(chunk: Buffer): void {
    const text = this.#part + chunk.toString("utf8");
    const lines = text.split("\n");
    this.#part = (lines.pop() ?? "").slice(-MAX_LINE);
    for (const line of lines) if (line.trim() !== "") this.#lines.push(line.slice(0, MAX_LINE));
    this.#lines = this.#lines.slice(-this.#keep);
    this.#pass(chunk);
  }

  /** The last lines, oldest first, with what stands behind the last end of line. */
  last(count: number): string[] {
    const lines = this.#part.trim() === "" ? this.#lines : [...this.#lines, this.#part];
    return lines.slice(-count);
  }

  #pass(chunk: Buffer): void {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      if (this.#dropped > 0) this.#write(`[${this.#dropped} bytes of the model's output left out]\n`);
      this.#second = second;
      this.#written = 0;
      this.#dropped = 0;
    }
    if (this.#written + chunk.length > this.#bytesPerSecond) this.#dropped += chunk.length;
    else {
      this.#written += chunk.length;
      this.#write(chunk.toString("utf8"));
    }
  }
}
