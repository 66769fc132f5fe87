import { eitherSignal } from "../base/either-signal.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Compile, Contract } from "../serving/model-store.ts";
import { copyOf } from "./checked-model.ts";
import { recordContract } from "./commands/requests.ts";
import type { RolloutDeps } from "./deps.ts";
import { rehearse } from "./rehearsal.ts";
import { ranAs, runTags } from "./run-as.ts";
import { tellObstacles } from "./tell-obstacles.ts";
import { isAboutVersion } from "./traffic.ts";
import type { VariantSettings } from "./variant-settings.ts";

export interface VersionToCheck {
  service: string;
  version: number;
  settings: VariantSettings;
  compile: Compile;
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
  what: VersionToCheck,
  signal: AbortSignal,
): Promise<{ passed: boolean; message: string; sha256: string }> {
  const { service, version, settings, compile, isCompared } = what;
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
    const copy = await models.materialise(known.artifactPath, compile);
    sha256 = copy.sha256;
    await registry.setVersionTags(service, version, runTags(copy, compile));
    const example = await contract.read(copy.modelDir);
    await told(deps, what, signal, () =>
      backend.prepare({ service, version, ...copyOf(copy), ...settings }, signal),
    );
    const request = JSON.stringify(example.request);
    const answer = await backend.probe({ service, version }, request, signal);
    const difference = contract.compare(example, answer.status, answer.body);
    if (difference === null) {
      if (isCompared) await rehearse(deps, { service, version }, request, signal);
      const message = `version ${version} of ${service} answered its own example ${sinceWhen(example)}${ranAs(copy)}`;
      return { passed: true, message, sha256 };
    }
    return {
      passed: false,
      message: `it doesn't answer its own example ${sinceWhen(example)}: ${difference}`,
      sha256,
    };
  } catch (error) {
    if (!isAboutVersion(error)) throw error;
    const message =
      error instanceof SlipwayError ? `${error.message} (${error.code}). ${error.hint}` : String(error);
    return { passed: false, message, sha256 };
  }
}

/** Says, as long as it takes, what it waits for. */
async function told(
  deps: RolloutDeps,
  what: VersionToCheck,
  signal: AbortSignal,
  prepare: () => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const either = eitherSignal(signal, over.signal);
  const prepared = prepare();
  const telling = tellObstacles(deps, what, either.signal).catch((error: unknown) => {
    if (!either.signal.aborted) deps.log(`what version ${what.version} of ${what.service} waits for`, error);
  });
  try {
    await prepared;
  } finally {
    over.abort(new Error("it waits no more"));
    await telling;
    either.release();
  }
}

/** Says what the answer is compared with: an input example alone has none from training. */
function sinceWhen({ recordedAt }: Contract): string {
  return recordedAt === "registration"
    ? "as when it was first loaded in its own environment (it has an input example, but no contract.json with the answer at training)"
    : "as at training";
}
