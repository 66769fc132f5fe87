/** Metrics of a training loop come by the thousand; people read a few lines a second. */
const METRICS_EVERY_MS = 250;
/** Lines that wait for a slow reader; the oldest go first. */
const MAX_WAITING = 1000;

/** Lines between a writer and a reader. */
export class Lines {
  #waiting: string[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;

  push(line: string): void {
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(line);
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async *read(): AsyncIterable<string> {
    for (;;) {
      const line = this.#waiting.shift();
      if (line !== undefined) yield line;
      else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** Joins what was logged within a moment into one line with the latest values. */
export class MetricLines {
  readonly #say: (line: string) => void;
  #latest: Record<string, number> = {};
  #timer: NodeJS.Timeout | undefined;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  add(metrics: Record<string, number>): void {
    if (Object.keys(metrics).length === 0) return;
    Object.assign(this.#latest, metrics);
    this.#timer ??= setTimeout(() => this.flush(), METRICS_EVERY_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = Object.entries(this.#latest).slice(0, 20);
    this.#latest = {};
    if (entries.length === 0) return;
    const shown = entries.map(([name, value]) => `${name} ${Number(value.toPrecision(6))}`);
    this.#say(`  ${shown.join(", ")}`);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
