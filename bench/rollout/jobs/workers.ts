import { quantile } from "../confidence.ts";
import { type Arm, play, type World } from "../play.ts";
import { BASELINE, DEADLINE, LATENCY, policy } from "../policies.ts";
import { productJudge } from "../product.ts";
import { CORRECT, Slipway } from "../slipway.ts";
import { heavyTailed, Queues, steady } from "../worlds.ts";
import type { Job } from "./job.ts";

/**
 * The same model served by different numbers of workers, each arm with a queue of its own. A request that takes long
 * delays those behind it in its arm: outcomes of one arm hang together, and fewer workers wait longer. Both are real
 * differences between the variants, which the test may find; this section says how far that goes.
 */
interface Case {
  name: string;
  title: string;
  workers: Record<Arm, number>;
  /** Mean of a request's work is about 1.2 times its median. Milliseconds. */
  median: number;
}

const CASES: Case[] = [
  {
    name: "light",
    title: "4 workers against 1, the one busy 3 % of the time at 50 %",
    workers: { champion: 4, challenger: 1 },
    median: 80,
  },
  {
    name: "equal",
    title: "2 workers each, a third busy at 50 %",
    workers: { champion: 2, challenger: 2 },
    median: 800,
  },
  {
    name: "busy",
    title: "4 workers against 1, the one a third busy at 50 %",
    workers: { champion: 4, challenger: 1 },
    median: 800,
  },
];

/** Requests per second. */
const RATE = 0.5;
/** At most this many latencies of an arm are kept for its percentile. */
const KEPT = 4000;

function job({ name, title, workers, median }: Case): Job {
  return {
    section: "workers",
    name: `workers/${name}`,
    title,
    rollouts: { full: 300, quick: 10 },
    tags: { rate: RATE },
    play: (own) => {
      const queues = new Queues(workers);
      const seen: Record<Arm, number[]> = { champion: [], challenger: [] };
      const world: World = steady(RATE, {
        latency: (arm, at, uniform) => {
          const latency = queues.serve(arm, at, heavyTailed(uniform, median));
          if (at > 0 && seen[arm].length < KEPT) seen[arm].push(latency);
          return latency;
        },
        seconds: (request) => request.latency / 1000,
      });
      const conduct = { lookEvery: 0, endsAtPromotion: false, feed: CORRECT };
      const slipway = new Slipway(productJudge(), policy([LATENCY]), conduct, BASELINE);
      play(world, slipway, own, { baseline: BASELINE, seconds: DEADLINE });
      const { rolledBackAt, promotedAt, units, looks } = slipway;
      const p95 = { champion: quantile(seen.champion, 0.95), challenger: quantile(seen.challenger, 0.95) };
      return { rolledBackAt, promotedAt, units, looks, bad: 0, means: p95 };
    },
  };
}

export const workersJobs: Job[] = CASES.map(job);
