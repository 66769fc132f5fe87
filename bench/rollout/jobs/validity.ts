import { ALL, LABELS, LATENCY } from "../policies.ts";
import { heavyTailed, sharedSlowness, steady } from "../worlds.ts";
import type { Job } from "./job.ts";
import { type Kind, kindJob } from "./kind.ts";
import { scrapedJobs } from "./scraped.ts";
import {
  allMetrics,
  BASE,
  day,
  errorsAt,
  labelsAt,
  laterWhenWrong,
  LATEST,
  MARGIN,
  slowTimes,
  sticky,
} from "./settings.ts";

/**
 * Versions that are within their margins, or exactly at them. The rates are what 4,000 rollouts of two hours with a
 * look at every request can be paid for; the rows from counts have the rate at which a small fault would show.
 */
const KINDS: Kind[] = [
  {
    name: "equal",
    title: "equal variants: errors 1 %, latency, labels 10 %",
    rate: 0.2,
    metrics: ALL,
    world: (_random, rate) => allMetrics(rate, 0, 1, 0),
  },
  {
    name: "margin",
    title: "all three metrics exactly at their margins",
    rate: 0.2,
    metrics: ALL,
    isAtMargin: true,
    world: (_random, rate) => allMetrics(rate, MARGIN, 1.2, LABELS.worseBy),
  },
  {
    name: "errors-margin",
    title: "errors exactly at the margin: 1 and 1.5 %",
    rate: 2,
    isAtMargin: true,
    world: (_random, rate) => steady(rate, { failure: errorsAt(BASE, BASE + MARGIN) }),
  },
  {
    name: "diurnal",
    title: "equal, errors 0.2 to 5 % over the day, bursts",
    rate: 0.5,
    world: (random, rate) => day(random, rate, 0),
  },
  {
    name: "diurnal-margin",
    title: "the same, exactly at the margin",
    rate: 0.5,
    isAtMargin: true,
    world: (random, rate) => day(random, rate, MARGIN),
  },
  {
    name: "sticky",
    title: "equal, sticky callers, one in fifty always fails",
    rate: 5,
    world: (_random, rate) => sticky(rate, 0),
  },
  {
    name: "sticky-margin",
    title: "the same, exactly at the margin",
    rate: 5,
    isAtMargin: true,
    world: (_random, rate) => sticky(rate, MARGIN),
  },
  {
    name: "latency",
    title: "equal heavy-tailed latency, slow times that both share",
    rate: 0.25,
    metrics: [LATENCY],
    world: (random, rate) => slowTimes(random, rate, 1),
  },
  {
    name: "latency-margin",
    title: "the same, challenger's times exactly 20 % longer",
    rate: 0.25,
    metrics: [LATENCY],
    isAtMargin: true,
    world: (random, rate) => slowTimes(random, rate, 1.2),
  },
  {
    name: "callers-leave",
    title: "equal heavy-tailed latency, impatient callers leave",
    rate: 0.25,
    metrics: [LATENCY],
    world: (random, rate) => {
      const slowness = sharedSlowness(random, 0.5);
      return steady(rate, {
        latency: (_arm, at, uniform) => heavyTailed(uniform, 50) * slowness(at),
        patience: (uniform) => 150 - 400 * Math.log1p(-uniform),
      });
    },
  },
  {
    name: "labels-late",
    title: "labels at the margin (10, 11 %), up to 10 min late, a third never",
    rate: 1,
    metrics: [LABELS],
    isAtMargin: true,
    world: (_random, rate) =>
      steady(rate, { labels: labelsAt(0.1, 0.11, 0.67, (_isWrong, uniform) => 600 * uniform) }),
  },
  {
    name: "labels-later-when-wrong",
    title: "labels at the margin, of wrong answers 40 min later, `within: 45m`",
    rate: 1,
    metrics: [{ ...LABELS, within: LATEST }],
    isAtMargin: true,
    world: (_random, rate) => steady(rate, { labels: labelsAt(0.1, 0.11, 1, laterWhenWrong) }),
  },
];

export const validityJobs: Job[] = [
  ...KINDS.map((kind) => kindJob("validity", { full: 4000, quick: 24 }, kind)),
  ...scrapedJobs,
];
