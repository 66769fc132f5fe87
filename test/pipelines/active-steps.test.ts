import { expect, test } from "vitest";
import { ActiveSteps } from "../../src/pipelines/active-steps.ts";

const SECOND = 1000;

function event(kind: string, step: string, at: number, reason?: string) {
  return { kind, at, data: { step, ...(reason === undefined ? {} : { reason }) } };
}

test("an environment that takes long is told of every ten seconds, with the installer's last line", () => {
  const steps = new ActiveSteps();
  const why = "installing its environment (requirements.txt with uv, first time for this content)";
  steps.saw(event("step.preparing", "train", 0, why), 0);
  steps.printed("train", "Collecting numpy");
  expect(steps.signsOfLife(9 * SECOND)).toEqual([]);
  steps.heard(9 * SECOND);
  expect(steps.signsOfLife(10 * SECOND)).toEqual([
    "step train: installing its environment, 10 s; last line: Collecting numpy",
  ]);
  expect(steps.signsOfLife(19 * SECOND)).toEqual([]);
  expect(steps.signsOfLife(20 * SECOND)).toHaveLength(1);
});

test("a running step is told of after 15 s without anything shown, and no more once it has ended", () => {
  const steps = new ActiveSteps();
  steps.saw(event("step.started", "train", 0), 0);
  steps.heard(5 * SECOND);
  expect(steps.signsOfLife(19 * SECOND)).toEqual([]);
  steps.printed("train", `  ${"x".repeat(200)}`);
  steps.printed("train", "slipway: a note of ours");
  const [line = ""] = steps.signsOfLife(20 * SECOND);
  expect(line).toMatch(/^step train: running for 20 s; last line: x{79}…$/);
  steps.saw(event("step.finished", "train", 21 * SECOND), 21 * SECOND);
  expect(steps.signsOfLife(90 * SECOND)).toEqual([]);
});

test("many silent steps fill no screen", () => {
  const steps = new ActiveSteps();
  for (let step = 0; step < 100; step++) steps.saw(event("step.started", `s${step}`, 0), 0);
  expect(steps.signsOfLife(15 * SECOND)).toHaveLength(4);
  expect(steps.signsOfLife(16 * SECOND)).toEqual([]);
});
