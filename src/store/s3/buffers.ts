import { SlipwayError } from "../../http/errors.ts";

const MAX_WAITING = 1000;
/** Kept for the next upload while others run; without uploads nothing is kept. */
const MAX_KEPT = 4;

/**
 * Memory for the parts of uploads. However many uploads run at once, no more than `count` parts are held; whoever
 * comes later waits, and its caller's connection with it.
 */
export class PartBuffers {
  readonly #count: number;
  #inUse = 0;
  readonly #kept: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  /** A buffer of so many bytes, when there is room. UNAVAILABLE when too many wait already. */
  async take(bytes: number): Promise<Buffer> {
    if (this.#inUse < this.#count) this.#inUse += 1;
    else {
      if (this.#waiting.length >= MAX_WAITING)
        throw new SlipwayError("UNAVAILABLE", "too many large uploads at once");
      // Whoever gives back hands its place on, so that the count stays.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const kept = this.#kept.pop();
    return kept?.length === bytes ? kept : Buffer.allocUnsafeSlow(bytes);
  }

  giveBack(buffer: Buffer): void {
    if (this.#kept.length < MAX_KEPT) this.#kept.push(buffer);
    const next = this.#waiting.shift();
    if (next !== undefined) return next();
    this.#inUse -= 1;
    if (this.#inUse === 0) this.#kept.length = 0;
  }
}
