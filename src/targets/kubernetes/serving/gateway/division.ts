import { commitOfEpoch, intervalEpoch, isOpenEpoch, leftOutEpoch, stoppedEpoch } from "./epochs.ts";
import { observedShare } from "./observed-share.ts";
import type { Arms } from "./observed-share.ts";

/** What a service's units count for from now on. */
export interface Divided {
  commit: string;
  /** Two versions share the traffic. */
  isTrial: boolean;
  /** An emergency stop took the challenger out. */
  isStopped: boolean;
}

/** An interval that is over: its units are to be counted elsewhere. */
export interface Closing {
  epoch: string;
  /** Where, once that is known. */
  to?: { epoch: string; share: number };
}

/** Until a gateway divides by weights that it was just given: the longest that Traefik gathers changes, twice over. */
const SETTLE_MS = 5_000;

/** One service's time, in intervals: those in which weights change are in no test, all others have the share that was had. */
export class Division {
  readonly #leader: string;
  #now: Divided;
  #epoch: string;
  #beganAt: number;
  /** Until which its weights may be any that there were. */
  #settledAt: number | undefined;
  #number = 0;
  #carry = 0;
  readonly #closings: Closing[] = [];

  /** @param leader names this process's intervals @param at now, in milliseconds since the epoch */
  constructor(leader: string, divided: Divided, at: number) {
    this.#leader = leader;
    this.#now = divided;
    this.#epoch = leftOut(divided);
    this.#beganAt = at;
    this.#settledAt = at + SETTLE_MS;
  }

  /** What pods are to count under now. */
  get epoch(): string {
    return this.#epoch;
  }

  get beganAt(): number {
    return this.#beganAt;
  }

  /** The oldest interval that isn't done with. */
  get closing(): Closing | undefined {
    return this.#closings[0];
  }

  /** Another rule, or other weights, from now on; an interval that was on ends here, without a share. */
  change(divided: Divided, at: number): void {
    if (isOpenEpoch(this.#epoch))
      this.#closings.push({ epoch: this.#epoch, to: { epoch: leftOutEpoch(this.#epoch), share: 0 } });
    this.#now = divided;
    this.#epoch = leftOut(divided);
    this.#beganAt = at;
    this.#settledAt = Infinity;
    this.#carry = 0;
  }

  /** The gateway was given the weights. */
  applied(at: number): void {
    if (this.#settledAt !== undefined) this.#settledAt = at + SETTLE_MS;
  }

  /** True when what pods count under became another: the gateway has had its time. */
  settles(at: number): boolean {
    if (this.#settledAt === undefined || at < this.#settledAt) return false;
    this.#settledAt = undefined;
    if (this.#now.isStopped) return false;
    this.#begin(at);
    return true;
  }

  /** Whether its units are of an interval of a trial now. */
  get isDividing(): boolean {
    return this.#settledAt === undefined && this.#now.isTrial && !this.#now.isStopped;
  }

  /** The interval ends; the next one begins. */
  close(at: number): void {
    this.#closings.push({ epoch: this.#epoch });
    this.#begin(at);
  }

  /** All of the closing one's units are known; answers where they are counted from now on. Once said, it stays. */
  decide(closing: Closing, units: Arms): { epoch: string; share: number } {
    if (closing.to === undefined) {
      const { share, carry } = observedShare(units, this.#carry);
      this.#carry = carry;
      closing.to = { epoch: commitOfEpoch(closing.epoch), share };
    }
    return closing.to;
  }

  /** Every pod counts its units there. */
  closed(closing: Closing): void {
    if (this.#closings[0] === closing) this.#closings.shift();
  }

  #begin(at: number): void {
    const { commit, isTrial } = this.#now;
    this.#epoch = isTrial ? intervalEpoch(commit, this.#leader, (this.#number += 1)) : commit;
    this.#beganAt = at;
  }
}

function leftOut({ commit, isStopped }: Divided): string {
  return isStopped ? stoppedEpoch(commit) : leftOutEpoch(commit);
}
