import type { Judgement } from "../../src/rollout/judge.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";

/** A step is left only when the challenger has answered this many at it: UNITS_PER_STEP of the product's controller. */
const UNITS_PER_STEP = 10;

/** What a verdict does to a rollout, as the product's controller does it: rollback, next step, promotion. */
export class Progress {
  step = 0;
  isDone = false;
  /** Seconds; null: it didn't happen. */
  rolledBackAt: number | null = null;
  promotedAt: number | null = null;
  blamed: string | null = null;
  /** Of the challenger, ended since the present step began. */
  unitsAtStep = 0;
  readonly #steps: readonly number[];
  readonly #endsAtPromotion: boolean;

  constructor({ steps }: RolloutPolicy, endsAtPromotion: boolean) {
    this.#steps = steps;
    this.#endsAtPromotion = endsAtPromotion;
  }

  /** Of the challenger at the present step. */
  get share(): number {
    return (this.#steps[this.step] ?? 100) / 100;
  }

  /** `holdsStep`: a person sets the shares, so that no verdict but "worse" does anything. */
  decide({ verdict, advance, blamed }: Judgement, at: number, holdsStep = false): void {
    if (verdict === "worse") {
      this.rolledBackAt = at;
      this.blamed = blamed;
      this.isDone = true;
      return;
    }
    if (this.unitsAtStep < UNITS_PER_STEP && !holdsStep) return;
    const isLast = holdsStep || this.step >= this.#steps.length - 1;
    if (!isLast && advance) {
      this.step++;
      this.unitsAtStep = 0;
    } else if (isLast && verdict === "within-margin" && this.promotedAt === null) {
      this.promotedAt = at;
      this.isDone = this.#endsAtPromotion;
    }
  }
}
