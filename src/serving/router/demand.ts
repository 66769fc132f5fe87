/** Whoever brings pods to variants waits here until one is wanted. */
export class Demand {
  readonly #waiting = new Set<() => void>();

  /** A request came to a variant that has no pod. */
  tell(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves as soon as it is so, at once when it is already, after `waitMs` at the latest, and when the signal is aborted. */
  async until(isSo: () => boolean, waitMs: number, signal: AbortSignal): Promise<void> {
    if (isSo() || signal.aborted || waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const look = (): void => {
        if (isSo()) end();
      };
      const timer = setTimeout(end, waitMs);
      signal.addEventListener("abort", end, { once: true });
      this.#waiting.add(look);
    });
  }
}
