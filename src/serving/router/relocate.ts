import { basename, join } from "node:path";
import type { VariantSpec } from "../backend.ts";
import { isWhole } from "../folder-model-store.ts";

/**
 * The snapshot's variants as they can be loaded now: their folders are looked for below the models' root first, as the
 * data folder may have been moved or copied. One whose folder is gone is left out: workers would only die of it, and
 * control prepares again what Git names.
 */
export async function relocate(specs: readonly VariantSpec[], modelsRoot: string): Promise<VariantSpec[]> {
  const found: VariantSpec[] = [];
  for (const spec of specs) {
    for (const modelDir of [join(modelsRoot, basename(spec.modelDir)), spec.modelDir]) {
      if (!(await isWhole(modelDir))) continue;
      found.push({ ...spec, modelDir });
      break;
    }
  }
  return found;
}
