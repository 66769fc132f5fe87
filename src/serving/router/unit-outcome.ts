import type { FrameKind } from "../frames.ts";
import type { PredictionRecord } from "../outcomes.ts";
import type { Draw } from "./draw.ts";
import type { OutcomeCell } from "./outcome-counters.ts";
import type { InferTarget, PredictionDeps } from "./prediction-deps.ts";

/** What the caller got. */
export interface Answered {
  /** That answered; of a failure, that should have. */
  version: number;
  status: number;
  /** JSON array as the worker sums it up; "" when nothing was predicted. */
  prediction: string;
  /** From the assignment. */
  milliseconds: number;
  /** The challenger failed it before, and the champion was asked. */
  fallback?: { version: number; status: number };
}

/** Where a unit's end is counted and logged; one of both calls comes, once. */
export interface UnitOutcome {
  answered(answer: Answered): void;
  /** The caller went away. @param isFailed the challenger had failed it by then */
  left(milliseconds: number, isFailed: boolean): void;
}

/** A unit and where it belongs. */
export interface DrawnUnit extends Draw {
  requestId: string;
  target: InferTarget;
  kind: FrameKind;
}

type OutcomeDeps = Pick<PredictionDeps, "outcomes" | "log" | "now">;

/** Of a unit that one variant answers. */
export class SingleOutcome implements UnitOutcome {
  readonly #unit: DrawnUnit;
  readonly #deps: OutcomeDeps;
  /** undefined: a version in the path, counted nowhere. */
  readonly #cell: OutcomeCell | undefined;

  constructor(unit: DrawnUnit, deps: OutcomeDeps) {
    this.#unit = unit;
    this.#deps = deps;
    const { model, version } = unit.target;
    if (version === undefined) this.#cell = deps.outcomes.start(model, unit.assignment);
  }

  answered({ version, status, prediction, milliseconds, fallback }: Answered): void {
    const isFailed = status >= 400 || fallback !== undefined;
    if (this.#cell !== undefined) {
      if (isFailed && status < 400) this.#deps.outcomes.fallBack(this.#cell, milliseconds);
      else this.#deps.outcomes.finish(this.#cell, isFailed, milliseconds);
    }
    const record = recordOf(this.#unit, version, status, this.#deps.now());
    if (fallback !== undefined) record.fallback = fallback;
    this.#deps.log.add(record, prediction);
  }

  left(milliseconds: number, isFailed: boolean): void {
    if (this.#cell === undefined) return;
    if (isFailed) this.#deps.outcomes.leaveFailed(this.#cell, milliseconds);
    else this.#deps.outcomes.abort(this.#cell, milliseconds);
  }
}

/** What the prediction log keeps of a unit, without the predictions themselves. */
export function recordOf(
  { requestId, target, assignment, isRepeat }: DrawnUnit,
  version: number,
  status: number,
  at: number,
): Omit<PredictionRecord, "prediction" | "shadow"> {
  const { epoch, share, arm } = assignment;
  const record: Omit<PredictionRecord, "prediction" | "shadow"> = {
    requestId,
    at,
    service: target.model,
    version,
    epoch,
    share,
    arm,
    status,
  };
  if (target.version !== undefined || isRepeat) record.direct = true;
  return record;
}
