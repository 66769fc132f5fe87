import { assign, shadowInForce, shareInForce, stickyPoint } from "./assign.ts";
import type { Assignment, RuleInForce } from "./assign.ts";
import type { PredictionDeps } from "./prediction-deps.ts";

/** How a new unit was drawn. */
export interface Draw {
  assignment: Assignment;
  /** A sticky caller's later request: answered and counted for people, and in no test. */
  isRepeat: boolean;
  /** A copy goes to this version; the champion answers, and `assignment` is the arm whose outcome is counted. */
  copyTo?: number;
}

type DrawDeps = Pick<PredictionDeps, "seen" | "copies" | "shadows" | "random">;

/**
 * Draws a new unit: by its caller's own point where the rule is sticky and the request names its caller, else by
 * chance. Nothing of how it will end is known here, so that whatever is left out bends no comparison.
 */
export function draw(inForce: RuleInForce, caller: string | undefined, bytes: number, deps: DrawDeps): Draw {
  const pair = drawPair(inForce, caller, bytes, deps);
  if (pair !== undefined) return pair;
  const { rule } = inForce;
  if (caller === undefined) return { assignment: assign(inForce, deps.random()), isRepeat: false };
  const assignment = assign(inForce, stickyPoint(rule, caller));
  const share = deps.seen.draw(rule, shareInForce(inForce), caller, assignment.arm === "challenger");
  if (share === undefined) return { assignment: apart(assignment), isRepeat: true };
  return { assignment: { ...assignment, share }, isRepeat: false };
}

/** The request and its copy, when one is to be sent. A fair coin says which of the two outcomes is the unit's. */
function drawPair(
  inForce: RuleInForce,
  caller: string | undefined,
  bytes: number,
  { seen, copies, shadows, random }: DrawDeps,
): Draw | undefined {
  const shadow = shadowInForce(inForce);
  const { service, champion, challenger, commit } = inForce.rule;
  if (challenger === undefined || shadow <= 0 || random() >= shadow) return undefined;
  if (!copies.hasRoom(service, bytes)) {
    shadows.drop({ service, version: challenger, epoch: commit });
    return undefined;
  }
  const arm = random() < 0.5 ? "challenger" : "champion";
  const version = arm === "challenger" ? challenger : champion;
  const assignment: Assignment = { version, arm, epoch: commit, share: 0.5, onTrial: challenger };
  const isRepeat = caller !== undefined && !seen.drawCopy({ service, challenger }, caller);
  return { assignment: isRepeat ? apart(assignment) : assignment, isRepeat, copyTo: challenger };
}

/** Counted for people under an epoch that no commit has, so that no test takes it. */
export function apart(assignment: Assignment): Assignment {
  return { ...assignment, epoch: `${assignment.epoch}~` };
}
