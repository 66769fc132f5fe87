import type { Step } from "../spec/project.ts";
import type { PipelineRunStatus, StepState } from "./engine.ts";

type States = ReadonlyMap<string, StepState>;
type Node = Pick<Step, "name" | "needs">;

const DONE: ReadonlySet<StepState> = new Set(["succeeded", "cached"]);
const LOST: ReadonlySet<StepState> = new Set(["failed", "cancelled", "skipped"]);

/** True when a step in that state will never change again. */
export function isFinal(state: StepState): boolean {
  return DONE.has(state) || LOST.has(state);
}

/** True when steps that need it may go on. */
export function isDone(state: StepState | undefined): boolean {
  return state !== undefined && DONE.has(state);
}

/** Waiting steps whose needs are all done, in the order of the file. */
export function readySteps(steps: readonly Node[], states: States): string[] {
  return steps
    .filter(
      (step) => states.get(step.name) === "waiting" && step.needs.every((name) => isDone(states.get(name))),
    )
    .map((step) => step.name);
}

/**
 * Waiting steps that can never start, because something they need, however far back, failed, was cancelled or
 * skipped; with the reason for a person. Independent branches are not in it: they go on.
 */
export function skippedSteps(steps: readonly Node[], states: States): Map<string, string> {
  const lost = new Map<string, string>();
  for (const step of steps) {
    const state = states.get(step.name);
    if (state !== undefined && LOST.has(state)) lost.set(step.name, `${step.name} ${verb(state)}`);
  }
  const skipped = new Map<string, string>();
  // The file needn't list a step after its needs, so this goes on until nothing more is lost.
  for (let grew = true; grew;) {
    grew = false;
    for (const step of steps) {
      if (states.get(step.name) !== "waiting" || skipped.has(step.name)) continue;
      const culprit = step.needs.find((name) => lost.has(name));
      if (culprit === undefined) continue;
      const why = lost.get(culprit) ?? culprit;
      skipped.set(step.name, `needs ${culprit}: step ${why}`);
      lost.set(step.name, why);
      grew = true;
    }
  }
  return skipped;
}

function verb(state: StepState): string {
  if (state === "failed") return "failed";
  return state === "cancelled" ? "was cancelled" : "was skipped";
}

/** Names of all steps that a step needs, directly or not, nearest first. */
export function transitiveNeeds(steps: readonly Node[], name: string): string[] {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const found = new Set<string>();
  const queue = [...(byName.get(name)?.needs ?? [])];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (found.has(next)) continue;
    found.add(next);
    queue.push(...(byName.get(next)?.needs ?? []));
  }
  return [...found];
}

/** What became of the whole: undefined while a step may still change. */
export function endState(
  states: Iterable<StepState>,
): Exclude<PipelineRunStatus["state"], "running"> | undefined {
  const all = [...states];
  if (!all.every(isFinal)) return undefined;
  if (all.includes("failed")) return "failed";
  return all.some((state) => LOST.has(state)) ? "cancelled" : "succeeded";
}
