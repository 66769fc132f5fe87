import { expect, it } from "vitest";
import { play } from "../../../bench/rollout/play.ts";
import { ALL, policy } from "../../../bench/rollout/policies.ts";
import { productJudge } from "../../../bench/rollout/product.ts";
import { Random } from "../../../bench/rollout/random.ts";
import { CORRECT, Slipway } from "../../../bench/rollout/slipway.ts";
import { logNormal, steady } from "../../../bench/rollout/worlds.ts";

it("passes over no look at which the judge has something to say", () => {
  const { judge, mayDecide } = productJudge();
  const said = { asked: 0, passed: 0, decided: 0 };
  const both = {
    judge,
    mayDecide: (...[state, rules]: Parameters<NonNullable<typeof mayDecide>>) => {
      const may = mayDecide!(state, rules);
      for (const step of [0, 1, 2]) {
        const { verdict, advance } = judge.judge(state, rules, step);
        said.asked++;
        if (verdict !== "undecided" || advance) {
          said.decided++;
          expect(may).toBe(true);
        } else if (!may) said.passed++;
      }
      return may;
    },
  };
  for (const [index, failure] of [0.01, 0.2].entries()) {
    const world = steady(20, {
      failure: (arm) => (arm === "champion" ? 0.01 : failure),
      latency: (_arm, _at, uniform) => logNormal(uniform, 50, 0.5),
      labels: { wrong: () => 0.02, known: 1, delay: () => 0 },
    });
    const conduct = { lookEvery: 1, endsAtPromotion: true, feed: CORRECT };
    const slipway = new Slipway(
      both,
      policy(ALL.map((metric) => ({ ...metric, worseBy: 0.1 }))),
      conduct,
      60,
    );
    play(world, slipway, new Random(4, index), { baseline: 60, seconds: 600 });
    expect(index === 0 ? slipway.promotedAt : slipway.rolledBackAt).not.toBeNull();
  }
  expect(said.decided).toBeGreaterThan(10);
  expect(said.passed).toBeGreaterThan(100);
});
