import { z } from "zod";
import { complain, duration, label, margin, percent, points, rate } from "./fields.ts";
import type { RolloutMetric, RolloutPolicy } from "./project.ts";

const DAY = 86_400_000;
/** Of a deadline and of everything that must lie before it: what a timer can wait. */
const LONGEST = 24 * DAY;

export const metricName = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[\w./ :-]+$/)
  .meta({ title: "metric's name" });

const rolloutMetric = z
  .strictObject({
    name: metricName
      .superRefine((name, ctx) => {
        // Evidence is kept by metric in plain objects, which have these names from the start.
        if (name in Object.prototype)
          complain(ctx, "is a reserved name", { rule: "reserved-name", allowed: "another name" });
      })
      .describe("`errors` and `latency` are measured by the platform; any other name comes `from: labels`."),
    from: z
      .literal("labels")
      .exactOptional()
      .describe("Judged by the true labels that callers send after the predictions."),
    quantile: z
      .number()
      .min(0.05)
      .max(0.9999)
      .meta({ title: "quantile from 0.05 to 0.9999", examples: [0.95] })
      .exactOptional()
      .describe("Of latency, which needs it: a request is slow above this quantile of the champion's."),
    worseBy: margin().describe(
      "Margin: the challenger may be worse than the champion by less than this. Percentage points (`0.5pp`) of " +
        "errors and labels, a percentage (`20%`) of latency.",
    ),
    floor: duration({ min: 0, max: 600_000 })
      .exactOptional()
      .describe(
        "Of latency: a smaller difference is never worse, whatever the margin says. `5ms` when left out.",
      ),
    within: duration({ min: 0, max: LONGEST })
      .exactOptional()
      .describe(
        "Of labels: a label counts when its prediction is this old, so that answers whose labels come later than " +
          "others' don't bend the comparison. `0s` when left out: labels count as they come.",
      ),
  })
  .transform((given, ctx): RolloutMetric => {
    const { name, from, quantile, worseBy, floor = 5, within = 0 } = given;
    if (name === "errors") return { name, worseBy };
    if (name === "latency" && quantile !== undefined) return { name, quantile, worseBy, floor };
    if (name === "latency") {
      ctx.addIssue({ code: "custom", message: "is missing", path: ["quantile"], input: undefined });
    } else if (from !== undefined) return { name, from, worseBy, within };
    else
      complain(ctx, "comes from nowhere", {
        rule: "metric",
        allowed: "errors, latency with a quantile, or another name with `from: labels`",
      });
    return z.NEVER;
  });

const shadow = z
  .union([
    z.boolean(),
    z.strictObject({
      for: duration({ min: 1000, max: LONGEST })
        .exactOptional()
        .describe(
          "How long copies only are sent, before the kind's first step. When left out: until a person says `slipway approve`.",
        ),
      share: z.int().min(1).max(100).default(100).describe("Per cent of the requests that are copied."),
    }),
  ])
  .transform((given): RolloutPolicy["shadow"] => {
    if (typeof given === "boolean") return given ? { share: 100, for: null } : null;
    return { share: given.share, for: given.for ?? null };
  });

const guard = z
  .union([
    z.literal("none"),
    z.strictObject({
      errors: points({ below: 1 })
        .prefault("25pp")
        .describe("Rise of the share of failed requests, both arms together, above that before the rollout."),
      latency: percent({ max: 100 })
        .prefault("400%")
        .describe("Rise of the 95th percentile above that before the rollout; 400% is five times as long."),
    }),
  ])
  .transform((given): RolloutPolicy["guard"] => (given === "none" ? null : given));

const steps = z
  .array(z.int().min(1).max(99))
  .min(1)
  .max(50)
  .superRefine((list, ctx) => {
    if (list.some((share, index) => index > 0 && share <= (list[index - 1] as number)))
      complain(ctx, "doesn't rise", {
        rule: "rising",
        allowed: "whole numbers from 1 to 99, each above the one before",
      });
  });

/** The rollout section: what decides which version answers, and when. */
export const rolloutSchema = z
  .strictObject({
    kind: z
      .enum(["canary", "blue-green", "instant"])
      .default("canary")
      .describe(
        "canary: step by step, judged against the champion. blue-green: all at once after the contract check, the " +
          "old champion ready beside it for `watch`. instant: all at once.",
      ),
    steps: steps
      .default([5, 25, 50])
      .describe("Of a canary: per cent of the traffic that the challenger gets, step by step."),
    shadow: shadow
      .prefault(false)
      .describe(
        "Copies of requests go to the challenger before any answer of its is given out: true (copies only, until a " +
          "person says more), or for how long, and of which share.",
      ),
    fallback: z
      .boolean()
      .default(false)
      .describe(
        "What the challenger fails is answered by the champion; it counts as the challenger's failure all the same.",
      ),
    watch: duration({ min: 1000, max: LONGEST })
      .prefault("10m")
      .describe("Of blue-green: how long the old champion stays ready, and the guard watches."),
    guard: guard
      .prefault({ errors: "25pp", latency: "400%" })
      .describe(
        "Outside the declared rates: when both arms together get this much worse than before the rollout, the " +
          "challenger is taken out. none: off.",
      ),
    falseRollbackRate: rate()
      .prefault(0.01)
      .describe(
        "Greatest probability to roll back a version within its margins: whole rollout, all metrics, all looks.",
      ),
    falsePromotionRate: rate()
      .prefault(0.05)
      .describe("Greatest probability to promote a version that is worse by a margin."),
    metrics: z
      .array(rolloutMetric)
      .min(1)
      .max(20)
      .prefault([{ name: "errors", worseBy: "0.5pp" }])
      .describe("What challenger and champion are compared by."),
    deadline: duration({ min: 1000, max: LONGEST })
      .prefault("2h")
      .describe("When no verdict has come by then, onNotEnoughData decides."),
    onNotEnoughData: z
      .enum(["hold", "rollback", "promote"])
      .default("hold")
      .describe('What happens at the deadline without a verdict; promote is recorded as "without evidence".'),
    approval: z
      .union([z.literal("none"), label()])
      .default("none")
      .describe("none, or the role that must say yes before promotion."),
    onAliasSet: z
      .enum(["rollout", "switch"])
      .default("rollout")
      .describe(
        "What a client that sets the champion alias by MLflow's API gets: a rollout, or the switch at once.",
      ),
  })
  // Only a canary has steps: what takes over all at once has none, and whoever looks for one finds 100 %.
  .transform((given): RolloutPolicy => ({ ...given, steps: given.kind === "canary" ? given.steps : [] }));
