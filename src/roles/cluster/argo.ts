import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import { readPipelineRun } from "../../pipelines/commands.ts";
import { StepDesk } from "../../pipelines/remote/desk.ts";
import { stepRoutes } from "../../pipelines/remote/routes.ts";
import { StepFiles } from "../../pipelines/remote/step-files.ts";
import { ClusterClient } from "../../targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../targets/kubernetes/cluster/credentials.ts";
import { connectStreams } from "../../targets/kubernetes/cluster/stream.ts";
import { connect } from "../../targets/kubernetes/cluster/transport.ts";
import { createArgoEngine, type ArgoEngine } from "../../targets/kubernetes/engine/engine.ts";
import { stepToken } from "../../tenancy/step-tokens.ts";
import type { TargetDeps } from "../control-target.ts";
import type { ArgoSettings } from "./argo-settings.ts";

/** No tenant can be called so: nobody reaches it by the artifact API. */
const FILES = "workspaces/.slipway/steps";

/** Pipelines as Argo Workflows, and what their pods ask of control. */
export async function openArgo(
  { access, env, pods, namespace }: ArgoSettings,
  deps: TargetDeps,
): Promise<{ engine: ArgoEngine; routes: (app: FastifyInstance) => void }> {
  const { config, clock, ids, db, blobs, ledger, logDefect } = deps;
  const temporary = join(config.dataDir, "step-sources");
  // What a former process was packing when it ended.
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const desk = new StepDesk({
    files: new StepFiles({ blobs, root: FILES }),
    ledger,
    ids,
    temporary,
    env: config.stepEnv,
  });
  const credentials = new Credentials(access, { clock, env });
  const engine = createArgoEngine({
    client: new ClusterClient(connect(access, { credentials, clock })),
    open: connectStreams(access, { credentials }),
    clock,
    desk,
    pods: { ...pods, url: config.stepUrl ?? `http://slipway.${namespace}.svc:${config.port}` },
    namespaceOf: (tenant) => (tenant === DEFAULT_TENANT ? `${namespace}-default` : tenant),
    tokenOf: (tenant) => stepToken(config.internalToken, tenant),
    async find(id) {
      const run = await db.read((tx) => readPipelineRun(tx, id));
      return run && { tenant: run.tenant, steps: run.steps.map(({ name }) => name) };
    },
    logDefect,
  });
  return { engine, routes: (app) => stepRoutes(app, { desk }) };
}
