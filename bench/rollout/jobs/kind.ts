import type { RolloutMetric } from "../../../src/spec/project.ts";
import { play, type StickyUnits, type World } from "../play.ts";
import { BASELINE, DEADLINE, ERRORS, policy } from "../policies.ts";
import { type JudgeInUse, productJudge } from "../product.ts";
import type { Random } from "../random.ts";
import { CORRECT, type Feed, Slipway } from "../slipway.ts";
import type { Job } from "./job.ts";

/** A rollout with a look at every request, and at every label. */
export interface Kind {
  name: string;
  title: string;
  /** Requests per second. */
  rate: number;
  world: (random: Random, rate: number) => World;
  /** Errors within 0.5 pp unless said otherwise. */
  metrics?: RolloutMetric[];
  /** Exactly at the margin: a promotion is false as well. */
  isAtMargin?: boolean;
  /** What is wrong on purpose. */
  judge?: JudgeInUse<unknown>;
  feed?: Partial<Feed>;
  sticky?: StickyUnits;
}

export function kindJob(section: "validity" | "broken", rollouts: Job["rollouts"], kind: Kind): Job {
  return {
    section,
    name: `${section}/${kind.name}`,
    title: kind.title,
    rollouts,
    tags: { rate: kind.rate, margin: kind.isAtMargin ? "at" : "equal" },
    play: (own, around) => {
      const conduct = { lookEvery: 0, endsAtPromotion: false, feed: { ...CORRECT, ...kind.feed } };
      const rules = policy(kind.metrics ?? [ERRORS]);
      const judge = kind.judge ?? (productJudge() as JudgeInUse<unknown>);
      const slipway = new Slipway(judge, rules, conduct, BASELINE);
      const span = { baseline: BASELINE, seconds: DEADLINE };
      play(kind.world(around, kind.rate), slipway, own, span, kind.sticky ?? "conditional");
      const { rolledBackAt, promotedAt, units, looks } = slipway;
      return { rolledBackAt, promotedAt, units, looks, bad: 0 };
    },
  };
}
