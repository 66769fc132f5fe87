import { expect, test } from "vitest";
import type { MetricEvidence } from "../../src/rollout/judge.ts";
import { describeEvidence, duration, evidenceLines, takenOut } from "../../src/rollout/sentences.ts";
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

test("a rollback because callers leave says how many did, and blames no metric", () => {
  const worse = rollout([ERRORS, LABELS]);
  worse.judgement = {
    ...worse.judgement!,
    blamed: "left",
    left: { champion: { units: 900, loss: 12 }, challenger: { units: 60, loss: 40 }, harm: 5e7 },
  };
  expect(takenOut(worse, 5100, 0)).toBe(
    "callers of version 3 left before its answer 40 times of 60, of version 2 12 of 900: taken out after 4.1 s",
  );
  expect(takenOut(worse, 5100, 2)).toMatch(/taken out after 4\.1 s, 2 bad answers$/);
  expect(evidenceLines(worse)).toContain(
    "callers who left before the answer: champion 12/900, challenger 40/60; evidence of harm 5.0e+7",
  );
  // A metric may have that name.
  const named = rollout([{ ...LABELS, metric: "left", verdict: "worse" }]);
  named.judgement = { ...worse.judgement, metrics: named.judgement!.metrics };
  expect(takenOut(named, 5100, 0)).toContain("was wrong on 64 of 70 labelled answers (left)");
});

test("what was known by other rules is said to be known no more", () => {
  const again = { ...rollout([ERRORS]), continues: "ro-1" };
  again.judgement = {
    ...again.judgement!,
    metrics: [{ ...ERRORS, verdict: "worse" }],
    beganAnew: ["latency"],
  };
  const said = "oing on from the evidence of ro-1 (by other rules: latency began anew)";
  expect(takenOut(again, 5100, 0)).toContain(`, g${said}: taken out`);
  expect(evidenceLines(again)).toContain(
    "Goes on from the evidence of ro-1 (by other rules: latency began anew).",
  );
});

test("losses that callers have worked out are no wrong answers: their mean is told", () => {
  const cost: MetricEvidence = {
    ...LABELS,
    metric: "cost",
    champion: { units: 700, loss: 35.7 },
    challenger: { units: 81, loss: 10.1 },
  };
  expect(describeEvidence(rollout([cost]))).toBe(
    "version 3 had a mean loss of 0.125 over 81 labelled answers (cost), version 2 0.051 over 700",
  );
  expect(describeEvidence(rollout([{ ...cost, champion: { units: 0, loss: 0 } }]))).toMatch(
    /version 2 unknown over 0$/,
  );
  // Sums of tenths come out whole now and then, and a little beside it.
  expect(
    describeEvidence(
      rollout([{ ...cost, champion: LABELS.champion, challenger: { units: 9, loss: 3.0000000001 } }]),
    ),
  ).toContain("was wrong on 3 of 9");
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

const LATENCY: MetricEvidence = {
  ...ERRORS,
  metric: "latency",
  kind: "latency",
  verdict: "worse",
  champion: { units: 3900, loss: 20 },
  challenger: { units: 410, loss: 61 },
  slowAbove: { champion: 30.4, challenger: 36.2 },
  aborted: { champion: 0, challenger: 7 },
  harm: 123.4,
};

test("latency says above which time a request of each version was slow", () => {
  expect(takenOut(rollout([ERRORS, LATENCY]), 5100, 0)).toBe(
    "version 3 was slower than 36 ms in 61 of 410, version 2 slower than 30 ms in 20 of 3,900: " +
      "taken out after 4.1 s, no bad answer",
  );
  const { slowAbove: _, ...unknown } = LATENCY;
  expect(describeEvidence(rollout([unknown]))).toBe(
    "the latency of version 3 can't be compared with version 2's yet",
  );
});

test("the commit's body has thresholds, those who left, and the guard's finding as what it is", () => {
  const partial = rollout([LATENCY]);
  const guard = { what: "latency", before: 30, now: 400, limit: 150, units: 1204 };
  const policy = {
    falseRollbackRate: 0.01,
    falsePromotionRate: 0.05,
    metrics: [{ name: "latency", quantile: 0.95, worseBy: 0.2 }],
  };
  const told = {
    ...partial,
    request: { ...partial.request, policy: { ...partial.request.policy, ...policy } },
    judgement: { ...partial.judgement, guard },
  } as unknown as Rollout;
  expect(evidenceLines(told).split("\n").slice(0, 2)).toEqual([
    "latency: worse; margin 20%; slow above 30 ms and 36 ms; champion 20/3,900, challenger 61/410; " +
      "left by their callers 0 and 7; evidence of harm 123.4, of safety 1",
    "absolute guard, outside the declared rates: latency of both versions 400 ms over 1,204 units, " +
      "30 ms before the rollout, limit 150 ms",
  ]);
});

test("times are as exact as a sentence needs", () => {
  expect([4100, 90_000, 600_000, 9_000_000, 3 * 86_400_000].map(duration)).toEqual([
    "4.1 s",
    "90 s",
    "10 min",
    "2.5 h",
    "3 d",
  ]);
});
