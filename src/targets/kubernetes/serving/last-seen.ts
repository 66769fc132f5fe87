import type { PodReport } from "../../../base/pod-report.ts";
import type { VariantRef } from "../../../serving/backend.ts";
import { variantKey } from "./variant.ts";

/** Variants whose last words are kept. */
const KEPT = 50;

/** What pods said that were taken away because they couldn't become ready: they are gone, and a person asks why. */
export class LastSeen {
  readonly #reports = new Map<string, PodReport[]>();

  keep(ref: VariantRef, reports: PodReport[]): void {
    this.forget(ref);
    if (reports.length === 0) return;
    this.#reports.set(variantKey(ref), reports);
    const [oldest] = this.#reports.keys();
    if (this.#reports.size > KEPT && oldest !== undefined) this.#reports.delete(oldest);
  }

  forget(ref: VariantRef): void {
    this.#reports.delete(variantKey(ref));
  }

  of(ref: VariantRef): PodReport[] {
    return this.#reports.get(variantKey(ref)) ?? [];
  }
}
