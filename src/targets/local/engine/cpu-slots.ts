/** Shares the machine's processors among steps, first come first served. */
export class CpuSlots {
  readonly total: number;
  #free: number;
  readonly #queue: { cpu: number; grant: () => void }[] = [];

  constructor(total: number) {
    this.total = total;
    this.#free = total;
  }

  /**
   * Resolves with the release when so many processors are free. A step that asks for more than there are gets
   * all. Rejects with the signal's reason when it is aborted first.
   */
  acquire(asked: number, signal: AbortSignal): Promise<() => void> {
    const cpu = Math.min(Math.max(asked, 0), this.total);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const entry = { cpu, grant };
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(entry), 1);
        this.#serve();
        reject(signal.reason as Error);
      };
      function grant(): void {
        signal.removeEventListener("abort", onAbort);
        resolve(once(release));
      }
      const release = (): void => {
        this.#free += cpu;
        this.#serve();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(entry);
      this.#serve();
    });
  }

  #serve(): void {
    for (let first = this.#queue[0]; first && first.cpu <= this.#free + 1e-9; first = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= first.cpu;
      first.grant();
    }
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
