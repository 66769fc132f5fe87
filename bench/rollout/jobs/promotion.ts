import type { RolloutMetric } from "../../../src/spec/project.ts";
import { play, type World } from "../play.ts";
import { ALL, BASELINE, DEADLINE, ERRORS, LABELS, policy } from "../policies.ts";
import { productJudge } from "../product.ts";
import { CORRECT, Slipway } from "../slipway.ts";
import { logNormal, steady } from "../worlds.ts";
import type { Job } from "./job.ts";
import { LOOK_EVERY } from "./speed.ts";

const RATE = 100;

interface Case {
  name: string;
  title: string;
  metrics: RolloutMetric[];
  steps: number[][];
  world: () => World;
}

const errors = (rate: number) => () => steady(RATE, { failure: () => rate });
const labels = () => steady(RATE, { labels: { wrong: () => 0.1, known: 1, delay: () => 0 } });
const ONE_SHARE = [[5], [50]];

const CASES: Case[] = [
  {
    name: "errors-1",
    title: "errors 1 %, margin 0.5 pp",
    metrics: [ERRORS],
    steps: ONE_SHARE,
    world: errors(0.01),
  },
  {
    name: "errors-0.1",
    title: "errors 0.1 %, margin 0.5 pp",
    metrics: [ERRORS],
    steps: ONE_SHARE,
    world: errors(0.001),
  },
  {
    name: "labels-5pp",
    title: "labels 10 %, margin 5 pp",
    metrics: [{ ...LABELS, worseBy: 0.05 }],
    steps: ONE_SHARE,
    world: labels,
  },
  {
    name: "labels-1pp",
    title: "labels 10 %, margin 1 pp",
    metrics: [LABELS],
    steps: ONE_SHARE,
    world: labels,
  },
  {
    name: "whole",
    title: "errors 1 %, latency, labels 10 %: the whole rollout",
    metrics: ALL,
    steps: [[5, 25, 50]],
    world: () =>
      steady(RATE, {
        failure: () => 0.01,
        latency: (_arm, _at, uniform) => logNormal(uniform, 50, 0.5),
        labels: { wrong: () => 0.1, known: 1, delay: () => 0 },
      }),
  },
];

function job({ name, title, metrics, world }: Case, steps: number[]): Job {
  return {
    section: "promotion",
    name: `promotion/${name}/${steps.join("-")}`,
    title,
    rollouts: { full: 200, quick: 5 },
    tags: { rate: RATE, steps: steps.join("/"), case: name },
    play: (own) => {
      const conduct = { lookEvery: LOOK_EVERY, endsAtPromotion: true, feed: CORRECT };
      const baseline = BASELINE / 2;
      const slipway = new Slipway(productJudge(), policy(metrics, steps), conduct, baseline);
      play(world(), slipway, own, { baseline, seconds: DEADLINE });
      const { rolledBackAt, promotedAt, units, looks } = slipway;
      return { rolledBackAt, promotedAt, units, looks, bad: 0 };
    },
  };
}

export const promotionJobs: Job[] = CASES.flatMap((one) => one.steps.map((steps) => job(one, steps)));
