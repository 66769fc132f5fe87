import type { ClusterService } from "./service.ts";
import type { Traffic } from "./traffic.ts";

const EVERY_MS = 250;
const MOST = 500;

/** Somebody who knows the truth a little later, and tells it of every answer. */
export class Labelling {
  readonly #service: ClusterService;
  readonly #traffic: Traffic;
  readonly #timer: NodeJS.Timeout;
  #next: number;
  #sending: Promise<void> | undefined;
  /** What couldn't be told; it was tried again. */
  failures = 0;

  /** Of what was answered from now on. */
  constructor(service: ClusterService, traffic: Traffic) {
    this.#service = service;
    this.#traffic = traffic;
    this.#next = traffic.calls.length;
    this.#timer = setInterval(() => {
      this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sending;
  }

  async #send(): Promise<void> {
    const calls = this.#traffic.calls.slice(this.#next, this.#next + MOST);
    try {
      await this.#service.label(calls);
      this.#next += calls.length;
    } catch {
      this.failures++;
    }
  }
}
