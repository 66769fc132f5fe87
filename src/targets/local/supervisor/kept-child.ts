import type { Child, ChildExit } from "./child.ts";
import type { ErrorBody } from "../../../http/errors.ts";
import type { FromChild } from "./messages.ts";

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5_000;
const HEALTHY_MS = 60_000;
/** Ends in a row before it was ready for the first time, after which starting is given up. */
const MAX_FAILED_STARTS = 3;

export interface KeptChildOptions {
  name: string;
  now(): number;
  spawn(onMessage: (message: FromChild) => void, onExit: (exit: ChildExit) => void): Child;
  onMessage(message: FromChild): void;
  /** A child was started or has ended. */
  onChange(): void;
  note(line: string): void;
}

/** Wait before the n-th restart in a row (from 0): none, then 100 ms doubling to 5 s. */
export function restartDelay(restartsInARow: number): number {
  if (restartsInARow === 0) return 0;
  return Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(restartsInARow - 1, 16));
}

/** A child that is started again whenever it ends. */
export class KeptChild {
  readonly #options: KeptChildOptions;
  #child: Child | undefined;
  #inARow = 0;
  #wasReady = false;
  #error: ErrorBody | undefined;
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (reason: ErrorBody | string) => void = () => undefined;
  /** Ready for the first time; rejects with what the child said (ErrorBody), or with a line. */
  readonly ready = new Promise<void>((resolve, reject) => {
    this.#resolveReady = resolve;
    this.#rejectReady = reject;
  });

  constructor(options: KeptChildOptions) {
    this.#options = options;
    // Whoever starts us awaits both children; a second failure must not be unhandled.
    this.ready.catch(() => undefined);
  }

  get child(): Child | undefined {
    return this.#child;
  }

  start(): void {
    const startedAt = this.#options.now();
    this.#error = undefined;
    this.#child = this.#options.spawn(
      (message) => this.#onMessage(message),
      (exit) => this.#onExit(exit, startedAt),
    );
    this.#options.onChange();
  }

  /** From now on it isn't started again. */
  stop(): void {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    this.#child?.send({ type: "stop" });
  }

  #onMessage(message: FromChild): void {
    if (message.type === "ready") {
      this.#wasReady = true;
      this.#resolveReady();
    } else if (message.type === "failed") {
      this.#error = message.error;
      this.#options.note(`${this.#options.name}: ${message.error.message}`);
    }
    this.#options.onMessage(message);
  }

  #onExit({ code, signal }: ChildExit, startedAt: number): void {
    const { name, now, note, onChange } = this.#options;
    this.#child = undefined;
    onChange();
    if (this.#isStopping) return;
    const how = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
    if (now() - startedAt >= HEALTHY_MS) this.#inARow = 0;
    if (!this.#wasReady && (this.#error !== undefined || this.#inARow + 1 >= MAX_FAILED_STARTS)) {
      this.#rejectReady(this.#error ?? `${name} ended with ${how}`);
      return;
    }
    const wait = restartDelay(this.#inARow);
    this.#inARow += 1;
    note(`${name} ended with ${how}; starting it again in ${wait} ms`);
    this.#timer = setTimeout(() => this.start(), wait);
  }
}
