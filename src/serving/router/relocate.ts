import { access } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
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
    // Its files are in pods.
    if (spec.endpoints !== undefined) {
      found.push(spec);
      continue;
    }
    for (const modelDir of [join(modelsRoot, basename(spec.modelDir)), spec.modelDir]) {
      if (!(await isWhole(modelDir))) continue;
      const python = spec.python && (await interpreterOf(spec.python, modelsRoot));
      if (spec.python === undefined) found.push({ ...spec, modelDir });
      else if (python !== undefined) found.push({ ...spec, modelDir, python });
      break;
    }
  }
  return found;
}

/** `…/cache/environments/<hash>/bin/python` of the data folder that the models lie in now, else where it was. */
async function interpreterOf(python: string, modelsRoot: string): Promise<string | undefined> {
  const environment = basename(dirname(dirname(python)));
  const moved = join(dirname(modelsRoot), "cache", "environments", environment, "bin", basename(python));
  for (const path of [moved, python])
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  return undefined;
}
