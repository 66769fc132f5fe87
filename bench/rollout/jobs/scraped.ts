import type { Interval } from "../../../src/rollout/judge.ts";
import { Cells } from "../cells.ts";
import type { Arm } from "../play.ts";
import { BASELINE, DEADLINE, ERRORS, policy } from "../policies.ts";
import { productJudge } from "../product.ts";
import { Progress } from "../progress.ts";
import { binomial, poisson, type Random } from "../random.ts";
import { EPOCH } from "../slipway.ts";
import type { Job, Row } from "./job.ts";

/**
 * Rollouts from counts, as of a scraped cluster, at a rate where two hours hold 720,000 units: what a test that is only
 * nearly valid would fail at, what a look at every request can't pay for, and the only rate at which so much is under
 * way that leaving it out shows.
 */
export const SCRAPED_RATE = 100;
/** Seconds that slow failures take, at least and at most. */
const SLOW = { from: 30, to: 60 };

interface Scraped {
  name: string;
  title: string;
  rates: Record<Arm, number>;
  /** Seconds between looks. */
  lookEvery: number;
  /** Whose failures take half a minute to a minute; the others' none. */
  slow: Arm[];
  /** Shares that a person sets in turn, for this many seconds each, instead of the steps. */
  byHand?: { every: number; shares: number[] };
  /** What is told wrongly, on purpose. */
  wrong?: "no units under way" | "share at completion";
}

/** What ends in a later second. */
interface Ending {
  arm: Arm;
  share: number;
}

class ScrapedRollout {
  readonly #setting: Scraped;
  readonly #random: Random;
  readonly #cells = new Cells(false);
  /** Slow failures by the second in which they end. */
  readonly #endings = new Map<number, Ending[]>();

  constructor(setting: Scraped, random: Random) {
    this.#setting = setting;
    this.#random = random;
  }

  play(): Row {
    const { lookEvery, slow, byHand } = this.#setting;
    const rules = policy([ERRORS]);
    const { judge, mayDecide } = productJudge();
    const progress = new Progress(rules, false);
    const maxLifeMs = (slow.length > 0 ? SLOW.to : 2) * 1000;
    let state = judge.start(rules, EPOCH - BASELINE * 1000, { maxLifeMs });
    const row: Row = { rolledBackAt: null, promotedAt: null, bad: 0, units: 0, looks: 0 };
    for (let second = 1 - BASELINE; second <= DEADLINE && !progress.isDone; second++) {
      const hasBegun = second > 0;
      const hand =
        byHand && byHand.shares[Math.floor((second - 1) / byHand.every) % byHand.shares.length]! / 100;
      const share = hasBegun ? (hand ?? progress.share) : 0;
      const { all, challenger } = this.#second(second, share);
      if (hasBegun) {
        row.units += all;
        progress.unitsAtStep += challenger;
      }
      if (second !== 0 && (!hasBegun || second % lookEvery !== 0)) continue;
      const interval: Interval = { at: EPOCH + second * 1000, requests: this.#cells.take(), labels: {} };
      if (!hasBegun) interval.isBaseline = true;
      state = judge.observe(state, interval, rules);
      if (!hasBegun) continue;
      row.looks++;
      if (!mayDecide || mayDecide(state, rules))
        progress.decide(judge.judge(state, rules, progress.step), second, byHand !== undefined);
    }
    return { ...row, rolledBackAt: progress.rolledBackAt, promotedAt: progress.promotedAt };
  }

  #second(second: number, share: number): { all: number; challenger: number } {
    const all = poisson(this.#random, SCRAPED_RATE);
    const challenger = binomial(this.#random, all, share);
    this.#arm("champion", all - challenger, second, share);
    this.#arm("challenger", challenger, second, share);
    for (const ending of this.#endings.get(second) ?? []) {
      const { wrong } = this.#setting;
      const box = this.#cells.at(wrong === "share at completion" ? share : ending.share, ending.arm);
      box.endAll(1, 1);
      if (wrong === undefined) box.pending--;
    }
    this.#endings.delete(second);
    return { all, challenger };
  }

  #arm(arm: Arm, units: number, second: number, share: number): void {
    const { rates, slow, wrong } = this.#setting;
    const failed = binomial(this.#random, units, rates[arm]);
    const box = this.#cells.at(share, arm);
    if (!slow.includes(arm)) return box.endAll(units, failed);
    box.endAll(units - failed, 0);
    if (wrong === undefined) box.pending += failed;
    for (let i = 0; i < failed; i++) {
      const at = second + SLOW.from + Math.floor(this.#random.next() * (SLOW.to - SLOW.from));
      const endings = this.#endings.get(at);
      if (endings) endings.push({ arm, share });
      else this.#endings.set(at, [{ arm, share }]);
    }
  }
}

const EQUAL = { champion: 0.01, challenger: 0.01 };
const AT_MARGIN = { champion: 0.01, challenger: 0.01 + ERRORS.worseBy };
const BY_HAND = { every: 600, shares: [50, 5] };

const ROWS: Scraped[] = [
  { name: "scraped", title: "equal, errors 1 %, counts every 5 s", rates: EQUAL, lookEvery: 5, slow: [] },
  {
    name: "scraped-margin",
    title: "exactly at the margin, counts every 5 s",
    rates: AT_MARGIN,
    lookEvery: 5,
    slow: [],
  },
  {
    name: "in-flight",
    title: "at the margin, only the champion's failures take 30 to 60 s",
    rates: AT_MARGIN,
    lookEvery: 20,
    slow: ["champion"],
  },
  {
    name: "in-flight-mirrored",
    title: "at the margin, only the challenger's failures take 30 to 60 s",
    rates: AT_MARGIN,
    lookEvery: 20,
    slow: ["challenger"],
  },
  {
    name: "by-hand",
    title: "at the margin, failures take 30 to 60 s, 50 and 5 % in turn by hand",
    rates: AT_MARGIN,
    lookEvery: 20,
    slow: ["champion", "challenger"],
    byHand: BY_HAND,
  },
];

const WRONG: Scraped[] = [
  {
    name: "no-pending",
    title: "units under way left out; the challenger's failures slow",
    rates: AT_MARGIN,
    lookEvery: 20,
    slow: ["challenger"],
    wrong: "no units under way",
  },
  {
    name: "share-at-completion",
    title: "share at completion; failures slow, shares by hand",
    rates: AT_MARGIN,
    lookEvery: 20,
    slow: ["champion", "challenger"],
    byHand: BY_HAND,
    wrong: "share at completion",
  },
];

function job(section: "validity" | "broken", setting: Scraped): Job {
  const isAtMargin = setting.rates !== EQUAL;
  return {
    section,
    name: `${section}/${setting.name}`,
    title: setting.title,
    rollouts: section === "validity" ? { full: 4000, quick: 24 } : { full: 300, quick: 12 },
    tags: { rate: SCRAPED_RATE, margin: isAtMargin ? "at" : "equal" },
    play: (own) => new ScrapedRollout(setting, own).play(),
  };
}

export const scrapedJobs: Job[] = ROWS.map((setting) => job("validity", setting));
export const wrongScrapedJobs: Job[] = WRONG.map((setting) => job("broken", setting));
