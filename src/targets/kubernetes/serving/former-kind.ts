import { fileOf, objectsIn } from "./branch-state.ts";
import { KSERVE_KIND } from "./variant-kinds.ts";

/** Kinds of what makes a variant's pods. */
const MAKERS: ReadonlySet<string> = new Set(["Deployment", KSERVE_KIND.kind]);

/**
 * A variant's file where another kind makes its pods from now on, as when KServe came: what made them stays in it, so that they
 * answer until the new ones are ready.
 * @param file as it is to be in the end; the answer for a variant whose kind stays
 * @param former undefined: there was none
 */
export function withFormerKind(file: string, former: string | undefined): string {
  const objects = objectsIn(file);
  const kinds = new Set(objects.map(({ kind }) => kind));
  const left = objectsIn(former ?? "").filter(({ kind }) => MAKERS.has(kind) && !kinds.has(kind));
  return left.length === 0 ? file : fileOf([...objects, ...left]);
}
