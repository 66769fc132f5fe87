import { SlipwayError } from "../http/errors.ts";
import { recordContract } from "./commands/requests.ts";
import type { RolloutDeps } from "./deps.ts";
import { rehearse } from "./rehearsal.ts";
import { isAboutVersion } from "./traffic.ts";

export interface VersionToCheck {
  service: string;
  version: number;
  workers: number;
  rolloutId: string | null;
  /** True when another version serves, which it will be compared with. */
  isCompared: boolean;
}

/**
 * The contract check: the very workers that will serve load the version and answer its own example as it was
 * answered at training. What it finds is stored; only errors that say nothing about the version are thrown, to be
 * tried again.
 */
export async function checkVersion(
  deps: RolloutDeps,
  what: VersionToCheck,
  signal: AbortSignal,
): Promise<void> {
  const found = await examine(deps, what, signal);
  await deps.db.write(recordContract, {
    service: what.service,
    rolloutId: what.rolloutId,
    verdict: { version: what.version, ...found },
    now: deps.clock.now(),
  });
}

async function examine(
  deps: RolloutDeps,
  { service, version, workers, isCompared }: VersionToCheck,
  signal: AbortSignal,
): Promise<{ passed: boolean; message: string; sha256: string }> {
  const { registry, models, backend, contract } = deps;
  const known = await registry.getVersion(service, version);
  if (!known) {
    return { passed: false, message: `the registry has no version ${version} of ${service}`, sha256: "" };
  }
  if (known.artifactPath === "") {
    const message = `version ${version} of ${service} can't be served: its source ${known.source} lies outside of this platform's artifacts`;
    return { passed: false, message, sha256: "" };
  }
  let sha256 = "";
  try {
    const copy = await models.materialise(known.artifactPath);
    sha256 = copy.sha256;
    const { format, modelDir } = copy;
    const example = await contract.read(modelDir);
    await backend.prepare({ service, version, format, modelDir, workers }, signal);
    const request = JSON.stringify(example.request);
    const answer = await backend.probe({ service, version }, request, signal);
    const difference = contract.compare(example, answer.status, answer.body);
    if (difference === null) {
      if (isCompared) await rehearse(deps, { service, version }, request, signal);
      const message = `version ${version} of ${service} answered its own example as at training`;
      return { passed: true, message, sha256 };
    }
    return {
      passed: false,
      message: `it doesn't answer its own example as at training: ${difference}`,
      sha256,
    };
  } catch (error) {
    if (!isAboutVersion(error)) throw error;
    const message =
      error instanceof SlipwayError ? `${error.message} (${error.code}). ${error.hint}` : String(error);
    return { passed: false, message, sha256 };
  }
}
