import { SlipwayError } from "../http/errors.ts";
import type { ModelVersion, Registry } from "../registry/registry.ts";
import type { ModelSpec } from "../spec/project.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Tracking, TrackingRun } from "../tracking/tracking.ts";
import { artifactPathOf } from "./artifact-path.ts";
import { REUSED_TAG } from "./tracking-ledger.ts";

export interface FindModelDeps {
  tracking: Pick<Tracking, "getRun">;
  registry: Pick<Registry, "listVersions">;
  artifacts: Pick<BlobStore, "list">;
}

/** Versions among which a client's own registration is looked for. */
const RECENT_VERSIONS = 100;

/**
 * What a pipeline run's steps made: a version that the client registered itself, the folder `model.artifact` of
 * the tracking run, or a model that it logged by that name (else its newest); then the same of the tracking
 * run whose steps were reused. PIPELINE_MODEL_MISSING names what was looked at.
 */
export async function findModel(
  spec: ModelSpec,
  run: TrackingRun,
  deps: FindModelDeps,
): Promise<{ source: string; registered?: ModelVersion }> {
  const versions = await deps.registry.listVersions(spec.name, RECENT_VERSIONS);
  const registered = versions.find((version) => version.runId === run.runId);
  if (registered) return { source: registered.source, registered };
  const own = await modelOf(spec, run, deps);
  if (own !== undefined) return { source: own };
  const origin = run.tags[REUSED_TAG];
  const reused = origin === undefined ? undefined : await deps.tracking.getRun(origin);
  const theirs = reused && (await modelOf(spec, reused, deps));
  if (theirs !== undefined) return { source: theirs };
  const before = versions.find((version) => version.runId === origin);
  if (before) return { source: before.source };
  const also = reused ? ` nor that of tracking run ${reused.runId}, whose steps were reused,` : "";
  throw new SlipwayError(
    "PIPELINE_MODEL_MISSING",
    `all steps ended well, but tracking run ${run.runId}${also} has neither a folder ${spec.artifact}/ nor a logged model`,
    {
      details: { artifactUri: run.artifactUri },
      ...(artifactPathOf(run.artifactUri) === undefined
        ? { hint: `The platform doesn't open ${run.artifactUri}: use another experiment.` }
        : {}),
    },
  );
}

async function modelOf(spec: ModelSpec, run: TrackingRun, deps: FindModelDeps): Promise<string | undefined> {
  const path = artifactPathOf(run.artifactUri);
  if (path !== undefined && (await deps.artifacts.list(`${path}/${spec.artifact}`)).length > 0)
    return `${run.artifactUri.replace(/\/+$/, "")}/${spec.artifact}`;
  const named = run.loggedModels.filter((model) => [spec.artifact, spec.name].includes(model.name));
  const model = named.at(-1) ?? run.loggedModels.at(-1);
  return model && `models:/${model.modelId}`;
}
