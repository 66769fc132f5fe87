import type { Clock } from "../base/clock.ts";
import type { Leader, LeaderRow } from "./leader.ts";

/** In milliseconds. A leader that was cut off is followed after a lease; one that was killed, after its session's end. */
const LEASE_MS = 6_000;
/** While it begins to lead: on a machine that is too busy, reading what is there may keep a renewal waiting. */
const STARTING_LEASE_MS = 30_000;
const RENEW_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 300;

export interface ElectionDeps {
  row: LeaderRow;
  clock: Clock;
  /** This process leads from now on; resolves when it does a leader's work. Called once: who loses the lead doesn't get it back. */
  onLead(epoch: number): Promise<void>;
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
  #ending = new AbortController();
  #isCandidate = true;
  #epoch: number | undefined;
  #leaseMs = STARTING_LEASE_MS;
  /** By this process's ticks: until when its lease, or what it knows of another's, is good. */
  #goodUntil = 0;
  #leader: Leader | undefined;
  #isQuiet = false;
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

  /** Gives the lead back when it has it, and doesn't take it again; who leads is known on. */
  async standDown(): Promise<void> {
    this.#isCandidate = false;
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    // No renewal is to come behind it: it would be a lease again.
    await this.#stopped();
    this.#epoch = undefined;
    this.#goodUntil = 0;
    await this.#deps.row.release(epoch).catch(this.#deps.log);
    this.#ending = new AbortController();
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    await this.#stopped();
    await this.#deps.row.close();
  }

  async #stopped(): Promise<void> {
    this.#ending.abort();
    await this.#running;
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
    if (!this.#isCandidate) return;
    const from = this.#ticks();
    const epoch = await row.claim(leader, this.#leaseMs);
    if (epoch === undefined) return;
    this.#epoch = epoch;
    this.#goodUntil = from + this.#leaseMs;
    void onLead(epoch).then(() => (this.#leaseMs = LEASE_MS));
  }

  /** A lease that has run out is still renewed where nobody has taken it, as after an outage of the database. */
  async #renew(epoch: number): Promise<void> {
    const { row, onLost } = this.#deps;
    const from = this.#ticks();
    const leaseMs = this.#leaseMs;
    if (await row.renew(epoch, leaseMs)) {
      this.#goodUntil = from + leaseMs;
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
