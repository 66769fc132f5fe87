import type { Clock } from "../base/clock.ts";
import type { Leader, LeaderRow } from "./leader.ts";

/** In milliseconds. A leader that was cut off is followed after a lease; one that was killed, after its session's end. */
const LEASE_MS = 6_000;
const RENEW_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 300;

export interface ElectionDeps {
  row: LeaderRow;
  clock: Clock;
  /** This process leads from now on. Called once: who loses the lead doesn't get it back. */
  onLead(epoch: number): void;
  /** Another leads by now. */
  onLost(): void;
  /** The database can't be asked; said once until it can. */
  log(error: unknown): void;
}

/** Who leads, as far as this process knows. */
export type Standing = { is: "leading"; epoch: number } | { is: "following"; leader: Leader } | undefined;

/** Takes part in the election until it is told to end. */
export class Election {
  readonly #deps: ElectionDeps;
  readonly #ending = new AbortController();
  #epoch: number | undefined;
  /** By this process's ticks: until when its lease, or what it knows of another's, is good. */
  #goodUntil = 0;
  #leader: Leader | undefined;
  #isQuiet = false;
  #waiting: (() => void)[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: ElectionDeps) {
    this.#deps = deps;
  }

  /** undefined: nobody is known to lead. A lease that couldn't be renewed in time counts as nobody's. */
  get standing(): Standing {
    if (this.#ticks() >= this.#goodUntil) return undefined;
    if (this.#epoch !== undefined) return { is: "leading", epoch: this.#epoch };
    return this.#leader === undefined ? undefined : { is: "following", leader: this.#leader };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when something has changed, or at the next look; soon in any case. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives the lead back when it has it, and takes part no more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    const { row, log } = this.#deps;
    this.#goodUntil = 0;
    if (this.#epoch !== undefined) await row.release(this.#epoch).catch(log);
    await row.close();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await (this.#epoch === undefined ? this.#look() : this.#renew(this.#epoch));
        this.#isQuiet = false;
      } catch (error) {
        if (!this.#isQuiet) log(error);
        this.#isQuiet = true;
      }
      for (const resolve of this.#waiting.splice(0)) resolve();
      const pause = this.#epoch === undefined ? LOOK_EVERY_MS : RENEW_EVERY_MS;
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { row, onLead } = this.#deps;
    const at = this.#ticks();
    const leader = await row.look();
    if (leader !== undefined && !leader.isOver) {
      this.#leader = leader;
      this.#goodUntil = at + leader.leftMs;
      return;
    }
    this.#leader = undefined;
    const from = this.#ticks();
    const epoch = await row.claim(leader, LEASE_MS);
    if (epoch === undefined) return;
    this.#epoch = epoch;
    this.#goodUntil = from + LEASE_MS;
    onLead(epoch);
  }

  /** A lease that has run out is still renewed where nobody has taken it, as after an outage of the database. */
  async #renew(epoch: number): Promise<void> {
    const { row, onLost } = this.#deps;
    const from = this.#ticks();
    if (await row.renew(epoch, LEASE_MS)) {
      this.#goodUntil = from + LEASE_MS;
      return;
    }
    this.#goodUntil = 0;
    this.#ending.abort();
    onLost();
  }

  #ticks(): number {
    const { clock } = this.#deps;
    return clock.ticks?.() ?? clock.now();
  }
}
