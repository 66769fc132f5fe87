import { expect, test } from "vitest";
import type { TrafficRule } from "../../src/serving/backend.ts";
import { SeenCallers } from "../../src/serving/router/seen-callers.ts";

const base: TrafficRule = {
  service: "digits",
  commit: "c1",
  order: 1,
  champion: 1,
  share: 0.05,
  timeoutMs: 1000,
  maxBodyBytes: 1000,
  protocols: ["v2"],
};
const trial = (challenger: number, share = 0.05): TrafficRule => ({ ...base, challenger, share });

test("a sticky caller is one unit of a trial, also when the share rises", () => {
  const seen = new SeenCallers();
  expect(seen.isFirst(trial(2), "ada")).toBe(true);
  expect(seen.isFirst(trial(2), "ada")).toBe(false);
  expect(seen.isFirst(trial(2, 0.25), "ada")).toBe(false);
  expect(seen.isFirst(trial(2, 0.25), "bob")).toBe(true);
});

test("another challenger is another trial, another service another one too", () => {
  const seen = new SeenCallers();
  seen.isFirst(trial(2), "ada");
  expect(seen.isFirst({ ...trial(2), service: "other" }, "ada")).toBe(true);
  expect(seen.isFirst(trial(3), "ada")).toBe(true);
});

test("without a challenger every request informs the champion's rate", () => {
  const seen = new SeenCallers();
  expect([seen.isFirst(base, "ada"), seen.isFirst(base, "ada")]).toEqual([true, true]);
});

test("callers are told apart", () => {
  const seen = new SeenCallers();
  const firsts = Array.from({ length: 20_000 }, (_, i) => seen.isFirst(trial(2), `user-${i}`));
  expect(firsts.every(Boolean)).toBe(true);
});
