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

  /**
   * Throws SIGN_IN_LIMITED where too many have failed. The attempt counts as failed until what it answers is called:
   * many guesses at once are many guesses.
   */
  begin(name: string, address: string | null): () => void {
    const now = this.#now();
    const keys = keysOf(name, address);
    for (const [kind, key] of keys) {
      const counter = this.#counters.get(key);
      if (counter === undefined || counter.until <= now || counter.failures < MOST[kind]) continue;
      const seconds = Math.ceil((counter.until - now) / 1000);
      throw new SlipwayError("SIGN_IN_LIMITED", "too many sign-ins have failed", {
        hint: `Wait ${seconds} s and try again with the right password.`,
      });
    }
    const counted = keys.map(([, key]) => this.#count(key, now));
    for (const key of this.#counters.keys()) {
      if (this.#counters.size <= KEPT) break;
      this.#counters.delete(key);
    }
    return () => counted.forEach((counter) => (counter.failures -= 1));
  }

  #count(key: string, now: number): Counter {
    const before = this.#counters.get(key);
    const counter =
      before !== undefined && before.until > now ? before : { failures: 0, until: now + WINDOW_MS };
    counter.failures += 1;
    this.#counters.delete(key);
    this.#counters.set(key, counter);
    return counter;
  }
}

function keysOf(name: string, address: string | null): [keyof typeof MOST, string][] {
  const short = name.slice(0, 128);
  const ofName: [keyof typeof MOST, string] = ["name", `n ${short}`];
  if (address === null) return [ofName];
  return [["pair", `p ${address} ${short}`], ofName, ["address", `a ${address}`]];
}
