import { eitherSignal } from "../base/either-signal.ts";

/**
 * Ends what a service's pass waits for as soon as something is asked of that service: a version may take minutes to become
 * ready, and whoever takes it back, or pushes another one, waits for none of them.
 */
export class Interrupts {
  readonly #asked = new Map<string, number>();
  readonly #waiting = new Map<string, AbortController>();

  /** Something was asked of the service: it is durable by now. */
  interrupt(service: string): void {
    this.#asked.set(service, this.mark(service) + 1);
    this.#waiting.get(service)?.abort(new Error("something else was asked of the service"));
  }

  /** Of every service that waits. */
  interruptAll(): void {
    for (const service of this.#waiting.keys()) this.interrupt(service);
  }

  /** To be taken before anything is read on which the next action depends. */
  mark(service: string): number {
    return this.#asked.get(service) ?? 0;
  }

  /** Does it until something is asked that wasn't when the mark was taken; that end is no error. */
  async during(
    service: string,
    { mark, signal }: { mark: number; signal: AbortSignal },
    act: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    if (this.mark(service) !== mark) return;
    const asked = new AbortController();
    this.#waiting.set(service, asked);
    const either = eitherSignal(signal, asked.signal);
    try {
      await act(either.signal);
    } catch (error) {
      if (signal.aborted || !asked.signal.aborted) throw error;
    } finally {
      either.release();
      this.#waiting.delete(service);
    }
  }
}
