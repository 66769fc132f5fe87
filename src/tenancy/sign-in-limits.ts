import { SlipwayError } from "../http/errors.ts";

/** Failures that a window takes, of one name from one address, of one name, and of one address. */
const MOST = { pair: 5, name: 50, address: 30 } as const;
const WINDOW_MS = 60_000;
/** Counters kept; the oldest go first. */
const KEPT = 10_000;

interface Counter {
  failures: number;
  until: number;
}

/**
 * Counts failed sign-ins in memory. A name is shut for the address that guesses it long before it is for everyone, so
 * that nobody can shut another out with a few guesses.
 */
export class SignInLimits {
  readonly #now: () => number;
  readonly #counters = new Map<string, Counter>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Throws SIGN_IN_LIMITED where too many have failed. */
  check(name: string, address: string | null): void {
    for (const [kind, key] of keysOf(name, address)) {
      const counter = this.#counters.get(key);
      if (counter === undefined || counter.until <= this.#now() || counter.failures < MOST[kind]) continue;
      const seconds = Math.ceil((counter.until - this.#now()) / 1000);
      throw new SlipwayError("SIGN_IN_LIMITED", "too many sign-ins have failed", {
        hint: `Wait ${seconds} s and try again with the right password.`,
      });
    }
  }

  failed(name: string, address: string | null): void {
    const now = this.#now();
    for (const [, key] of keysOf(name, address)) {
      const before = this.#counters.get(key);
      const isLive = before !== undefined && before.until > now;
      this.#counters.delete(key);
      this.#counters.set(key, {
        failures: isLive ? before.failures + 1 : 1,
        until: isLive ? before.until : now + WINDOW_MS,
      });
    }
    for (const key of this.#counters.keys()) {
      if (this.#counters.size <= KEPT) break;
      this.#counters.delete(key);
    }
  }
}

function keysOf(name: string, address: string | null): [keyof typeof MOST, string][] {
  const short = name.slice(0, 128);
  const ofName: [keyof typeof MOST, string] = ["name", `n ${short}`];
  if (address === null) return [ofName];
  return [["pair", `p ${address} ${short}`], ofName, ["address", `a ${address}`]];
}
