import type { TrafficRule } from "../backend.ts";

/** Callers of one trial that are told apart; more are no units of the test, which only makes it slower. */
const MAX_CALLERS = 200_000;

/**
 * With a sticky header the caller is what is drawn, not the request: a caller counts once in the rollout's test,
 * by the first request of the trial. Later ones bring nothing new, whichever variant answers them. Starts
 * anew with another challenger, and with the process, after which each caller may count once more.
 */
export class SeenCallers {
  readonly #trials = new Map<string, { challenger: number | undefined; callers: Set<number> }>();

  /** True for the first request of a caller in the present trial of the service. */
  isFirst({ service, challenger }: TrafficRule, caller: string): boolean {
    let trial = this.#trials.get(service);
    if (trial === undefined || trial.challenger !== challenger) {
      trial = { challenger, callers: new Set() };
      this.#trials.set(service, trial);
    }
    // Before a trial every request informs the champion's rate, and nobody is compared.
    if (challenger === undefined) return true;
    const key = hash53(caller);
    if (trial.callers.has(key) || trial.callers.size >= MAX_CALLERS) return false;
    trial.callers.add(key);
    return true;
  }
}

/** 53 bits of two FNV-1a hashes: two callers that meet cost one unit, never a wrong one. */
function hash53(text: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  }
  return (high >>> 0) * 2 ** 21 + ((low >>> 0) & 0x1fffff);
}
