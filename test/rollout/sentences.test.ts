import { expect, test } from "vitest";
import type { MetricEvidence } from "../../src/rollout/judge.ts";
import { describeEvidence, takenOut } from "../../src/rollout/sentences.ts";
import type { Rollout } from "../../src/rollout/state.ts";
import { describeCounts, grouped } from "../../src/rollout/statistics/sentence.ts";

const ERRORS: MetricEvidence = {
  metric: "errors",
  kind: "errors",
  verdict: "undecided",
  champion: { units: 2890, loss: 2 },
  challenger: { units: 310, loss: 0 },
  harm: 1,
  safety: 1,
  advance: 1,
};
const LABELS: MetricEvidence = {
  ...ERRORS,
  metric: "accuracy",
  kind: "labels",
  champion: { units: 1200, loss: 60 },
  challenger: { units: 70, loss: 64 },
};

function rollout(metrics: MetricEvidence[]): Rollout {
  const policy = { shadow: null, metrics: [{ name: "errors" }, { name: "accuracy", from: "labels" }] };
  const partial = {
    continues: null,
    phase: "steps",
    version: 3,
    champion: 2,
    progressingAt: 1000,
    request: { policy },
    judgement: { metrics },
  };
  return partial as unknown as Rollout;
}

test("a rollback because of labels says what the labels told and how many answers were given", () => {
  expect(takenOut(rollout([ERRORS, { ...LABELS, verdict: "worse" }]), 5100, 31)).toBe(
    "version 3 was wrong on 64 of 70 labelled answers (accuracy), version 2 on 60 of 1,200: " +
      "taken out after 4.1 s, 31 bad answers; it had answered 310 requests by then",
  );
});

test("without errors among the metrics nobody counted the answers, so none are named", () => {
  expect(takenOut(rollout([{ ...LABELS, verdict: "worse" }]), 5100, 0)).toMatch(
    /taken out after 4\.1 s, no bad answer$/,
  );
});

test("a rollback because of errors counts all of its requests already", () => {
  const worse: MetricEvidence = { ...ERRORS, verdict: "worse", challenger: { units: 310, loss: 72 } };
  expect(takenOut(rollout([worse, LABELS]), 5100, 72)).toBe(
    "version 3 failed 72 of 310 requests, version 2 2 of 2,890: taken out after 4.1 s, 72 bad answers",
  );
});

test("evidence without labels says so; without outcomes too", () => {
  const unlabelled = { ...LABELS, challenger: { units: 0, loss: 0 } };
  expect(describeEvidence(rollout([ERRORS, unlabelled]))).toContain("no answer of version 3 is labelled");
  expect(describeEvidence(rollout([]))).toBe("no outcome was seen");
});

test("counts are grouped by thousands, fractions aren't", () => {
  expect([2890, 12.34, 1234567.5, 0].map(grouped)).toEqual(["2,890", "12.3", "1,234,567.5", "0"]);
  const counts = { name: "errors", kind: "errors", champion: ERRORS.champion, challenger: LABELS.challenger };
  expect(describeCounts(counts as never, "a", "b")).toBe("a failed 64 of 70 requests, b 2 of 2,890");
});
