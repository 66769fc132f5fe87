import type { EProcessState } from "../../../src/rollout/statistics/e-process-judge.ts";
import { type Arm, type Decider, play, type Request, type World } from "../play.ts";
import { ALL, BASELINE, DEADLINE, ERRORS, LABELS, LATENCY, policy } from "../policies.ts";
import { productJudge } from "../product.ts";
import { normalQuantile } from "../random.ts";
import { CORRECT, Slipway } from "../slipway.ts";
import { type Null, type Rates, Sprt } from "../sprt.ts";
import { logNormal, steady } from "../worlds.ts";
import type { Job, Row } from "./job.ts";

/** Seconds between looks: the product's 200 ms; a second where less than twenty requests come in one. */
export const LOOK_EVERY = 0.2;
export const SLOW_LOOK_EVERY = 1;
/** Challenger's share, held: what decides how long a fault needs. */
export const SHARE = 0.1;
/** Units of the champion that the judge has seen before, at most; more would only cost time. */
const BASELINE_UNITS = 20_000;

const SIGMA = 0.5;
const MEDIAN = 50;
/** The champion's 95th percentile. */
const TAU = logNormal(LATENCY.quantile, MEDIAN, SIGMA);

interface Fault {
  name: string;
  title: string;
  /** What the challenger does; the champion fails 1 % unless `base` says otherwise, and is wrong 10 %. */
  errors?: { base: number; challenger: number };
  slower?: number;
  wrong?: number;
  /** Seconds after the rollout's beginning. */
  begins?: number;
  /** Requests per second that are simulated. */
  rates: number[];
}

const ALL_RATES = [1, 10, 100, 1000];

export const FAULTS: Fault[] = [
  { name: "errors-1-5", title: "errors 1 → 5 %", errors: { base: 0.01, challenger: 0.05 }, rates: ALL_RATES },
  {
    name: "errors-0.1-1",
    title: "errors 0.1 → 1 %",
    errors: { base: 0.001, challenger: 0.01 },
    rates: ALL_RATES,
  },
  { name: "errors-1-2", title: "errors 1 → 2 %", errors: { base: 0.01, challenger: 0.02 }, rates: ALL_RATES },
  {
    name: "errors-1-50",
    title: "errors 1 → 50 %",
    errors: { base: 0.01, challenger: 0.5 },
    rates: ALL_RATES,
  },
  { name: "p95-1.35", title: "95th percentile × 1.35", slower: 1.35, rates: ALL_RATES },
  { name: "p95-1.5", title: "95th percentile × 1.5", slower: 1.5, rates: ALL_RATES },
  { name: "labels-10-15", title: "labels 10 → 15 % wrong", wrong: 0.15, rates: ALL_RATES },
  {
    name: "late-errors-1-5",
    title: "errors 1 → 5 % after 30 min",
    errors: { base: 0.01, challenger: 0.05 },
    begins: 1800,
    rates: [10, 100],
  },
];

function world(fault: Fault, rate: number): World {
  const begins = fault.begins ?? 0;
  const isFaulty = (arm: Arm, at: number) => arm === "challenger" && at >= begins;
  const base = fault.errors?.base ?? 0.01;
  return steady(rate, {
    failure: (arm, at) => (isFaulty(arm, at) ? (fault.errors?.challenger ?? base) : base),
    latency: (arm, at, uniform) =>
      logNormal(uniform, MEDIAN, SIGMA) * (isFaulty(arm, at) ? (fault.slower ?? 1) : 1),
    labels: {
      wrong: (arm, at) => (isFaulty(arm, at) ? (fault.wrong ?? 0.1) : 0.1),
      known: 1,
      delay: () => 0,
    },
  });
}

/** What the sequential test that knows the rates sees of a fault. */
interface Seen {
  hypothesis: Null;
  rates: Rates;
  on: "ended" | "labelled";
  isBad: (request: Request) => boolean;
}

function seen({ errors, slower, wrong }: Fault): Seen {
  if (wrong !== undefined) {
    return {
      hypothesis: { ratio: 1, margin: LABELS.worseBy },
      rates: { champion: 0.1, challenger: wrong },
      on: "labelled",
      isBad: (request) => request.loss === 1,
    };
  }
  if (slower !== undefined) {
    const slow = { champion: TAU, challenger: (1 + LATENCY.worseBy) * TAU };
    const beyond = Math.log((1 + LATENCY.worseBy) / slower) / SIGMA + normalQuantile(LATENCY.quantile);
    return {
      hypothesis: { ratio: 1, margin: 0 },
      rates: { champion: 1 - LATENCY.quantile, challenger: 1 - normalDistribution(beyond) },
      on: "ended",
      isBad: (request) => request.latency > slow[request.arm],
    };
  }
  return {
    hypothesis: { ratio: 1, margin: ERRORS.worseBy },
    rates: { champion: errors?.base ?? 0.01, challenger: errors?.challenger ?? 0.01 },
    on: "ended",
    isBad: (request) => request.failed,
  };
}

/** Distribution function of the standard normal, by bisection of its quantile function. */
function normalDistribution(x: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalQuantile(middle) < x) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The product and the test that knows both rates side by side on the same requests, looking at the same moments. */
class SideBySide implements Decider {
  readonly share = SHARE;
  nextTick = 0;
  sprtAt: number | null = null;
  /** Bad answers of the challenger until the product took it out. */
  bad = 0;
  readonly #slipway: Slipway<EProcessState>;
  readonly #sprt: Sprt | null;
  readonly #seen: Seen;
  readonly #begins: number;
  readonly #lookEvery: number;

  constructor(slipway: Slipway<EProcessState>, sprt: Sprt | null, fault: Fault, lookEvery: number) {
    this.#slipway = slipway;
    this.#sprt = sprt;
    this.#seen = seen(fault);
    this.#begins = fault.begins ?? 0;
    this.#lookEvery = lookEvery;
  }

  get isDone(): boolean {
    return this.#slipway.isDone && (this.#sprt === null || this.sprtAt !== null);
  }

  assigned(request: Request): void {
    this.#slipway.assigned(request);
  }

  ended(request: Request, at: number): void {
    if (!this.#slipway.isDone) this.#slipway.ended(request, at);
    if (this.#seen.on === "ended") this.#unit(request, at);
  }

  labelled(request: Request, at: number): void {
    if (!this.#slipway.isDone) this.#slipway.labelled(request, at);
    if (this.#seen.on === "labelled") this.#unit(request, at);
  }

  tick(at: number): void {
    if (!this.#slipway.isDone) this.#slipway.tick(at);
    if (this.#sprt && this.#sprt.rejectedAt !== null) this.sprtAt ??= at;
    this.nextTick = at + this.#lookEvery;
  }

  #unit(request: Request, at: number): void {
    if (at < 0) return;
    const isBad = this.#seen.isBad(request);
    this.#sprt?.unit(request.arm, isBad, at);
    if (isBad && request.arm === "challenger" && at >= this.#begins && !this.#slipway.isDone) this.bad++;
  }
}

function job(fault: Fault, rate: number): Job {
  const begins = fault.begins ?? 0;
  const { hypothesis, rates } = seen(fault);
  return {
    section: "speed",
    name: `speed/${fault.name}/${rate}`,
    title: fault.title,
    rollouts: { full: rate < 20 || begins > 0 ? 100 : 400, quick: 5 },
    tags: { fault: fault.name, rate, begins },
    play: (own): Row => {
      const rules = policy(ALL, [SHARE * 100]);
      const baseline = Math.min(BASELINE, BASELINE_UNITS / rate);
      const lookEvery = rate < 20 ? SLOW_LOOK_EVERY : LOOK_EVERY;
      const conduct = { lookEvery, endsAtPromotion: false, feed: CORRECT };
      const slipway = new Slipway(productJudge(), rules, conduct, baseline);
      const alpha = rules.falseRollbackRate / rules.metrics.length;
      const sprt = begins > 0 ? null : new Sprt(hypothesis, rates, SHARE, alpha);
      const both = new SideBySide(slipway, sprt, fault, lookEvery);
      play(world(fault, rate), both, own, { baseline, seconds: begins + DEADLINE });
      const { rolledBackAt, promotedAt, units, looks } = slipway;
      return { rolledBackAt, promotedAt, sprtAt: both.sprtAt, bad: both.bad, units, looks };
    },
  };
}

export const speedJobs: Job[] = FAULTS.flatMap((fault) => fault.rates.map((rate) => job(fault, rate)));
