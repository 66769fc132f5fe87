import type { ChartUse } from "../component.ts";
import type { LockEntry } from "../lock.ts";
import type { KubernetesObject } from "../object.ts";

/** What a chart makes with the given values, read and not run: `render` stays pure. */
export interface ChartSource {
  /** Undefined when there is no output of `helm template` for this very version and these very values. */
  objects(use: ChartUse, entry: LockEntry): readonly KubernetesObject[] | undefined;
}

/** Where no chart's output is at hand. */
export const NO_CHARTS: ChartSource = { objects: () => undefined };
