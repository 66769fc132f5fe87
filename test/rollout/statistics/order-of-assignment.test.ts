import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Interval } from "../../../src/rollout/judge.ts";
import { createEProcessJudge } from "../../../src/rollout/statistics/e-process-judge.ts";
import { eValue } from "../../../src/rollout/statistics/wealth.ts";
import type { RolloutMetric, RolloutPolicy } from "../../../src/spec/project.ts";
import { judgedPolicy } from "../../contract/judge.ts";
import { countsAt, exactWealth, type Laid, type Unit } from "./exact-order.ts";
import { random } from "./random.ts";

const MAX_LIFE = 8000;
const LOOKS = 28;

interface World {
  seed: number;
  p0: number;
  p1: number;
  /** How much the champion's rate and speed swing. */
  swing: number;
  /** Mean time to an answer in milliseconds; failures take `slowFailure` times as long. */
  mean: number;
  slowFailure: number;
  aborts: number;
  stops: number;
  /** Looks after which the share changes. */
  shareEvery: number;
}

const worlds = fc.record<World>({
  seed: fc.integer({ min: 1, max: 1e6 }),
  p0: fc.double({ min: 0.01, max: 0.4, noNaN: true }),
  p1: fc.double({ min: 0.01, max: 0.9, noNaN: true }),
  swing: fc.double({ min: 0, max: 0.9, noNaN: true }),
  mean: fc.constantFrom(20, 300, 2000),
  slowFailure: fc.constantFrom(0.1, 1, 4),
  aborts: fc.constantFrom(0, 0.1),
  stops: fc.constantFrom(0, 0, 0.05),
  shareEvery: fc.constantFrom(7, 15, 100),
});

function unitsOf(world: World): Unit[] {
  const draw = random(world.seed);
  const units: Unit[] = [];
  const shares = [0.1, 0.3, 0.5];
  for (let at = 1; at < LOOKS * 1000; at += 1 + Math.floor(draw() * 120)) {
    const share = shares[Math.floor(at / 1000 / world.shareEvery) % 3]!;
    const arm = draw() < share ? "challenger" : "champion";
    const wave = 1 + world.swing * Math.sin(at / 6000);
    const isBad = draw() < Math.min(1, wave * (arm === "champion" ? world.p0 : world.p1));
    const slower = (isBad ? world.slowFailure : 1) * wave * (arm === "challenger" ? 1.3 : 1);
    const life = Math.min(MAX_LIFE, 1 + Math.floor(-Math.log(1 - draw()) * world.mean * slower));
    const ended = isBad ? "bad" : "good";
    const isStopped = world.stops > 0 && draw() < world.stops;
    const ending = draw() < world.aborts ? "aborted" : isStopped ? "stopped" : ended;
    units.push({ assignedAt: at, share, arm, endsAt: at + life, ending });
  }
  return units;
}

interface Found {
  worst: number;
  changes: number;
  crossed: number;
}

/** Largest ratio of the wealth from counts to the exact one, over all looks and tests. */
function worstRatio(
  world: World,
  metric: RolloutMetric,
  told: (interval: Interval) => Interval = (interval) => interval,
): Found {
  const policy: RolloutPolicy = { ...judgedPolicy, metrics: [metric] };
  const judge = createEProcessJudge({ maxLifeMs: MAX_LIFE });
  const units = unitsOf(world);
  let state = judge.start(policy, 0);
  const looks: Laid[] = [{ at: 0, state: state.metrics[metric.name]! }];
  const found = { worst: 0, changes: 0, crossed: 0 };
  for (let look = 1; look <= LOOKS; look++) {
    state = judge.observe(state, told(countsAt(units, (look - 1) * 1000, look * 1000)), policy);
    const now = state.metrics[metric.name]!;
    // Money that was laid at this look lies on no unit yet, so it changes nothing of the exact wealth now.
    looks.push({ at: look * 1000, state: now });
    if (now.crossing) found.crossed++;
    if (now.bets !== looks[look - 1]!.state.bets) found.changes++;
    if (look % 4 !== 0) continue;
    for (const [test, wealth] of now.tests.entries()) {
      const exact = exactWealth(units, looks, test, look * 1000);
      found.worst = Math.max(found.worst, eValue(wealth) / exact);
    }
  }
  return found;
}

describe("the wealth from counts", () => {
  const errors: RolloutMetric = { name: "errors", worseBy: 0.01 };
  const latency: RolloutMetric = { name: "latency", quantile: 0.8, worseBy: 0.2, floor: 0 };

  it.each([errors, latency])(
    "of $name never exceeds that of single requests in order of assignment",
    (metric) => {
      let changes = 0;
      let crossed = 0;
      fc.assert(
        fc.property(worlds, (world) => {
          const found = worstRatio(world, metric);
          changes += found.changes;
          crossed += found.crossed;
          expect(found.worst).toBeLessThanOrEqual(1 + 1e-6);
        }),
        { numRuns: 14, seed: 4 },
      );
      // Otherwise nothing was tried.
      expect(changes).toBeGreaterThan(10);
      expect(crossed).toBeGreaterThan(50);
    },
  );

  it("exceeds it when nobody tells what is under way: completion isn't assignment", () => {
    const slow: World = {
      seed: 5,
      p0: 0.1,
      p1: 0.3,
      swing: 0.5,
      mean: 2000,
      slowFailure: 0.1,
      aborts: 0,
      stops: 0,
      shareEvery: 7,
    };
    const forgetful = (interval: Interval): Interval => ({
      ...interval,
      requests: interval.requests.map((cell) => ({
        ...cell,
        champion: { ...cell.champion, pending: 0 },
        challenger: { ...cell.challenger, pending: 0 },
      })),
    });
    expect(worstRatio(slow, errors).worst).toBeLessThanOrEqual(1 + 1e-6);
    expect(worstRatio(slow, errors, forgetful).worst).toBeGreaterThan(1.5);
  });

  it("equals it when nothing is under way at a look", () => {
    const world: World = {
      seed: 3,
      p0: 0.05,
      p1: 0.2,
      swing: 0.5,
      mean: 1e-9,
      slowFailure: 1,
      aborts: 0,
      stops: 0,
      shareEvery: 15,
    };
    expect(worstRatio(world, errors).worst).toBeCloseTo(1, 6);
  });
});
