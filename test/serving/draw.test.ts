import { expect, it } from "vitest";
import { draw } from "../../src/serving/router/draw.ts";
import type { PredictionDeps } from "../../src/serving/router/prediction-deps.ts";
import { ruleFor } from "../support/serving-platform.ts";

const deps = { copies: { hasRoom: () => true }, random: () => 0.4 } as unknown as PredictionDeps;

it("counts a copy's pair with the trial, whose first seconds are no test of latency", () => {
  const rule = ruleFor("s", { challenger: 2, share: 0, shadow: 1 });
  const drawn = draw({ rule, stopped: false }, undefined, 10, deps);
  expect(drawn).toMatchObject({ copyTo: 2, assignment: { arm: "challenger", share: 0.5, onTrial: 2 } });
});
