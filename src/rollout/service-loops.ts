import type { Clock } from "../base/clock.ts";

interface ServiceLoopsDeps {
  clock: Clock;
  /** Answers how long to pause before the next pass, in milliseconds. */
  pass(name: string, signal: AbortSignal): Promise<number>;
  failed(name: string, error: unknown): Promise<void>;
  /** Services that exist now. */
  names(): Promise<string[]>;
  idleMs: number;
  log(line: string, error: unknown): void;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;

/** One loop per service, which passes, pauses, and is woken early; and one that finds the services. */
export class ServiceLoops {
  readonly #deps: ServiceLoopsDeps;
  readonly #pauses = new Map<string, AbortController>();
  readonly #due = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  #signal: AbortSignal | undefined;

  constructor(deps: ServiceLoopsDeps) {
    this.#deps = deps;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#run("*", async () => {
      for (const name of await this.#deps.names()) this.#ensure(name);
      return this.#deps.idleMs;
    });
  }

  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** The service's next pass begins at once, also when it sleeps or has no loop yet. */
  wake(name: string): void {
    this.#due.add(name);
    this.#pauses.get(name)?.abort();
    if (this.#signal) this.#ensure(name);
  }

  wakeAll(): void {
    for (const name of this.#running.keys()) this.wake(name);
  }

  #ensure(name: string): void {
    if (this.#running.has(name)) return;
    this.#run(name, (signal) => this.#deps.pass(name, signal));
  }

  #run(name: string, step: (signal: AbortSignal) => Promise<number>): void {
    const signal = this.#signal;
    if (!signal || this.#running.has(name)) return;
    this.#running.set(name, this.#loop(name, step, signal));
  }

  async #loop(
    name: string,
    step: (signal: AbortSignal) => Promise<number>,
    signal: AbortSignal,
  ): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      this.#due.delete(name);
      let pause: number;
      try {
        pause = await step(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        pause = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures++);
        if (name === "*") this.#deps.log("the environment repository will be read again", error);
        else await this.#deps.failed(name, error);
      }
      await this.#pause(name, pause, signal);
    }
  }

  async #pause(name: string, ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0 || this.#due.has(name)) return;
    const woken = new AbortController();
    const end = (): void => woken.abort();
    this.#pauses.set(name, woken);
    signal.addEventListener("abort", end, { once: true });
    try {
      if (!signal.aborted) await this.#deps.clock.sleep(ms, woken.signal);
    } catch {
      // Woken, or told to end: the loop looks which.
    } finally {
      signal.removeEventListener("abort", end);
      this.#pauses.delete(name);
    }
  }
}
