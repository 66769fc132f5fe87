import type { Clock } from "../../base/clock.ts";
import type { WorkerState } from "../backend.ts";
import { WorkerConnection } from "./worker-connection.ts";
import type { Sent, Unanswered, WorkerAddress } from "./worker-connection.ts";
import type { WorkerEnd } from "./worker-slot.ts";

/** Between two attempts to connect: the first at once, since a pod that was replaced in place is back soon. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;

interface PlaceEvents {
  changed(): void;
  /** Answers came: there is room for more requests. */
  answered(): void;
  lost(unanswered: readonly Sent[]): void;
  /** @param kind for counting; the reason is for people */
  ended(reason: string, kind: WorkerEnd): void;
}

/** The way to one pod of a variant: connected, or being connected again. Pods are started and ended elsewhere. */
export class EndpointPlace {
  readonly endpoint: string;
  readonly #address: WorkerAddress;
  readonly #clock: Clock;
  readonly #events: PlaceEvents;
  connection: WorkerConnection | undefined;
  /** Nothing has come from it for longer than usual, so that others are asked first. */
  isSilent = false;
  /** Since when it can't be reached; undefined while it can. */
  awaySince: number | undefined;
  #failures = 0;
  #losses = 0;
  #lastFailure: string | undefined;
  #giveUpReason: string | undefined;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(endpoint: string, address: WorkerAddress, clock: Clock, events: PlaceEvents) {
    this.endpoint = endpoint;
    this.#address = address;
    this.#clock = clock;
    this.#events = events;
    this.awaySince = clock.now();
  }

  /** Why it can't be reached, or why the last connection ended. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  state(): WorkerState {
    return {
      state: this.connection !== undefined ? "ready" : this.#failures > 0 ? "backing-off" : "starting",
      restarts: this.#losses,
      endpoint: this.endpoint,
      ...(this.#lastFailure === undefined ? {} : { lastExit: this.#lastFailure }),
    };
  }

  start(): void {
    this.#timer = undefined;
    void this.#connect();
  }

  /** What it hasn't answered goes to others; it is connected to anew. */
  giveUp(reason: string): void {
    this.#giveUpReason = reason;
    this.connection?.close();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.connection?.close();
    this.connection = undefined;
  }

  async #connect(): Promise<void> {
    try {
      const connection = await WorkerConnection.open(this.#address, this.#clock, {
        closed: (unanswered) => this.#onClose(unanswered),
        answered: this.#events.answered,
      });
      if (this.#isStopped) return connection.close();
      this.connection = connection;
      this.awaySince = undefined;
      this.#failures = 0;
      this.isSilent = false;
      this.#events.changed();
    } catch (error) {
      if (this.#isStopped) return;
      this.#failures += 1;
      this.#lastFailure = `${this.endpoint}: ${(error as Error).message}`;
      this.#again();
    }
  }

  #onClose({ sent }: Unanswered): void {
    const wasGivenUp = this.#giveUpReason !== undefined;
    const reason = this.#giveUpReason ?? `${this.endpoint} closed the connection`;
    this.#giveUpReason = undefined;
    this.connection = undefined;
    this.isSilent = false;
    if (!this.#isStopped) {
      this.awaySince = this.#clock.now();
      this.#losses += 1;
      this.#lastFailure = reason;
      this.#events.ended(reason, wasGivenUp ? "hung" : "exit");
      this.#events.changed();
      this.#again();
    }
    this.#events.lost(sent);
  }

  #again(): void {
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
    this.#timer = setTimeout(() => this.start(), pause);
    this.#timer.unref();
  }
}
