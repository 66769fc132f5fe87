import { failureShare, peekingZTest } from "../broken.ts";
import { LABELS } from "../policies.ts";
import type { JudgeInUse } from "../product.ts";
import { steady } from "../worlds.ts";
import type { Job } from "./job.ts";
import { type Kind, kindJob } from "./kind.ts";
import { wrongScrapedJobs } from "./scraped.ts";
import { BASE, errorsAt, labelsAt, laterWhenWrong, LATEST, MARGIN, sticky } from "./settings.ts";

/** The traps, each walked into once: on the same requests as a row of validity, or as near as it needs. */
const KINDS: Kind[] = [
  {
    name: "peeking",
    title: "z-test at 1 % repeated at every request; equal variants",
    rate: 2,
    judge: { judge: peekingZTest } as JudgeInUse<unknown>,
    world: (_random, rate) => steady(rate, { failure: errorsAt(BASE, BASE) }),
  },
  {
    name: "failure-share",
    title: "failures against the share, margin left out; errors at the margin",
    rate: 10,
    judge: { judge: failureShare } as JudgeInUse<unknown>,
    world: (_random, rate) => steady(rate, { failure: errorsAt(BASE, BASE + MARGIN) }),
  },
  {
    name: "per-request",
    title: "requests of sticky callers as if each were drawn; equal variants",
    rate: 2,
    sticky: "request",
    world: (_random, rate) => sticky(rate, 0),
  },
  {
    name: "labels-as-they-come",
    title: "labels of wrong answers 40 min later, counted as they come",
    rate: 1,
    isAtMargin: true,
    metrics: [{ ...LABELS, within: LATEST }],
    feed: { isLabelDue: false },
    world: (_random, rate) => steady(rate, { labels: labelsAt(0.1, 0.11, 1, laterWhenWrong) }),
  },
];

export const brokenJobs: Job[] = [
  ...KINDS.map((kind) => kindJob("broken", { full: 300, quick: 12 }, kind)),
  ...wrongScrapedJobs,
];
