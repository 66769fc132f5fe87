import { apart } from "./draw.ts";
import type { Copy } from "./copies-under-way.ts";
import type { OutcomeCell } from "./outcome-counters.ts";
import type { PredictionDeps } from "./prediction-deps.ts";
import { recordOf } from "./unit-outcome.ts";
import type { Answered, DrawnUnit, UnitOutcome } from "./unit-outcome.ts";
import type { PoolAnswer, PoolRequest } from "./variant-pool.ts";

type CopyEnd = Pick<Answered, "status" | "prediction" | "milliseconds"> | "stopped";

/**
 * A request that the champion answers, and its copy that the challenger works on for nobody. The outcome of the arm that
 * the coin chose is counted in the test, the other one for people only. Whether the caller stays is the champion's
 * doing in both arms: nothing of the copy is counted before that is known, and of a caller who left both are aborted. A
 * copy that we end ourselves isn't left by anybody.
 */
export class ShadowPair implements UnitOutcome, Copy {
  readonly service: string;
  readonly version: number;
  readonly bytes: number;
  readonly #unit: DrawnUnit;
  readonly #deps: PredictionDeps;
  readonly #startedAt: number;
  readonly #cells: { champion: OutcomeCell; challenger: OutcomeCell };
  #request: PoolRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  #answer: (Answered & { at: number }) | undefined;
  #copy: CopyEnd | undefined;

  /** @param champion the version that answers the caller */
  constructor(
    unit: DrawnUnit & { copyTo: number },
    champion: number,
    bytes: number,
    deps: PredictionDeps,
    startedAt: number,
  ) {
    const { assignment, target, copyTo } = unit;
    this.#unit = unit;
    this.#deps = deps;
    this.#startedAt = startedAt;
    this.bytes = bytes;
    this.service = target.model;
    this.version = copyTo;
    const ofArm = (arm: "champion" | "challenger", version: number) => {
      if (arm === assignment.arm) return deps.outcomes.start(target.model, assignment);
      const other = { ...assignment, arm, version };
      return deps.outcomes.start(target.model, unit.isRepeat ? other : apart(other));
    };
    this.#cells = { champion: ofArm("champion", champion), challenger: ofArm("challenger", copyTo) };
    deps.copies.add(this);
  }

  /** Sends the copy, with the deadline of the caller's own request. */
  send(body: Buffer, timeoutMs: number): void {
    const pool = this.#deps.variants.find({ service: this.service, version: this.version });
    if (pool === undefined || pool.isFull(body.length)) return this.#copyEnded(503, "");
    this.#timer = setTimeout(() => {
      this.#request?.cancel();
      this.#copyEnded(504, "");
    }, timeoutMs);
    this.#request = pool.request(this.#unit.kind, body, timeoutMs, (answer: PoolAnswer) =>
      answer === "lost" ? this.#copyEnded(500, "") : this.#copyEnded(answer.status, answer.prediction),
    );
    return undefined;
  }

  answered(answer: Answered): void {
    this.#answer = { ...answer, at: this.#deps.now() };
    this.#deps.outcomes.finish(this.#cells.champion, answer.status >= 400, answer.milliseconds);
    if (this.#copy !== undefined) this.#bothEnded(this.#answer, this.#copy);
  }

  left(milliseconds: number): void {
    this.#release();
    this.#copy = "stopped";
    this.#request?.cancel();
    this.#deps.outcomes.abort(this.#cells.champion, milliseconds);
    this.#deps.outcomes.abort(this.#cells.challenger, milliseconds);
  }

  end(): void {
    this.#request?.cancel();
    this.#settle("stopped");
  }

  #copyEnded(status: number, prediction: string): void {
    this.#settle({ status, prediction, milliseconds: this.#deps.ticks() - this.#startedAt });
  }

  #settle(copy: CopyEnd): void {
    if (this.#copy !== undefined) return;
    this.#release();
    this.#copy = copy;
    if (this.#answer !== undefined) this.#bothEnded(this.#answer, copy);
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#deps.copies.delete(this);
  }

  #bothEnded(answer: Answered & { at: number }, copy: CopyEnd): void {
    const { outcomes, log, shadows } = this.#deps;
    const { requestId, assignment } = this.#unit;
    const record = recordOf(this.#unit, answer.version, answer.status, answer.at);
    if (copy === "stopped") {
      // No outcome of the test's arm may be left, so its label mustn't count either.
      outcomes.stop(this.#cells.challenger);
      return log.add({ ...record, direct: true }, answer.prediction);
    }
    outcomes.finish(this.#cells.challenger, copy.status >= 400, copy.milliseconds);
    if (answer.status === 200 && copy.status === 200) {
      const key = { service: this.service, version: this.version, epoch: assignment.epoch.replace("~", "") };
      shadows.compare(key, requestId, answer.at, {
        champion: answer.prediction,
        challenger: copy.prediction,
      });
    }
    return log.add(record, answer.prediction, { version: this.version, ...copy });
  }
}
