import { expect, it } from "vitest";
import { samePrediction, ShadowCounters } from "../../src/serving/router/shadow-counters.ts";

const KEY = { service: "s", version: 2, epoch: "c1" };

it("compares what was predicted, and keeps the newest differences", () => {
  const counters = new ShadowCounters("one");
  counters.compare(KEY, "same", 1, { champion: "[1,2]", challenger: "[1,2]" });
  counters.compare(KEY, "none", 1, { champion: "", challenger: "[1]" });
  for (let i = 0; i < 30; i++) counters.compare(KEY, `r${i}`, i, { champion: "[1]", challenger: '["b"]' });
  counters.drop(KEY);
  const [counter] = counters.report();
  expect(counter).toMatchObject({ ...KEY, incarnation: "one", compared: 31, differed: 30, dropped: 1 });
  expect(counter?.examples).toHaveLength(20);
  expect(counter?.examples.at(-1)).toEqual({ requestId: "r29", at: 29, champion: [1], challenger: ["b"] });
});

it.each([
  [[1.5], [1.500001], true],
  [[1.5], [1.501], false],
  [[100_000], [100_001], false],
  [["a"], ["a"], true],
  [["a"], ["b"], false],
  [["1"], [1], false],
  [[1], [1, 1], false],
  [[0], [1e-30], false],
  [[-2.5], [-2.5000001], true],
])("%j beside %j: the same is %s", (one, other, same) => {
  expect(samePrediction(one, other)).toBe(same);
});

it("keeps a bounded number of epochs", () => {
  const counters = new ShadowCounters("one");
  for (let epoch = 0; epoch < 200; epoch++) counters.drop({ ...KEY, epoch: `c${epoch}` });
  expect(counters.report()).toHaveLength(64);
});
