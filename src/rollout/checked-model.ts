import { SlipwayError } from "../http/errors.ts";
import type { Compile, ModelCopy } from "../serving/model-store.ts";
import type { RolloutDeps } from "./deps.ts";

type RunnableModel = Omit<ModelCopy, "compiled">;

/**
 * Copy of the files that passed a version's contract check, by their hash: the data folder may have been moved
 * since, or its copies removed. MODEL_MISSING when the same files can't be had any more.
 */
export async function checkedModel(
  { models, registry }: Pick<RolloutDeps, "models" | "registry">,
  {
    service,
    version,
    sha256,
    compile,
  }: { service: string; version: number; sha256: string; compile: Compile },
): Promise<RunnableModel> {
  const present = await models.find(sha256, compile);
  if (present !== undefined) return copyOf(present);
  const known = await registry.getVersion(service, version);
  const copy = known && (await models.materialise(known.artifactPath, compile));
  if (copy?.sha256 === sha256) return copyOf(copy);
  throw new SlipwayError(
    "MODEL_MISSING",
    known
      ? `the artifacts of version ${version} of ${service} aren't those that passed its contract check any more`
      : `the registry has no version ${version} of ${service}`,
    { where: `version/${service}/${version}` },
  );
}

/** Without what isn't the copy's, so that it can be spread into a variant. */
export function copyOf({ format, modelDir, python }: ModelCopy): RunnableModel {
  return { format, modelDir, ...(python === undefined ? {} : { python }) };
}
