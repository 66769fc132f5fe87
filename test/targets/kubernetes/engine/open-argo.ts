import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { systemClock } from "../../../../src/base/clock.ts";
import { systemIds } from "../../../../src/base/ids.ts";
import { SlipwayError } from "../../../../src/http/errors.ts";
import { stepCaller } from "../../../../src/http/identity.ts";
import { createApp, type AppDeps } from "../../../../src/http/server.ts";
import { StepDesk } from "../../../../src/pipelines/remote/desk.ts";
import { stepRoutes } from "../../../../src/pipelines/remote/routes.ts";
import { StepFiles } from "../../../../src/pipelines/remote/step-files.ts";
import type { PipelineRunSpec } from "../../../../src/pipelines/engine.ts";
import { runStep } from "../../../../src/roles/cluster/step.ts";
import { stepSettings } from "../../../../src/roles/cluster/step-settings.ts";
import { createFolderBlobs } from "../../../../src/store/folder-blobs.ts";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connectStreams } from "../../../../src/targets/kubernetes/cluster/stream.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import { createArgoEngine, type ArgoEngine } from "../../../../src/targets/kubernetes/engine/engine.ts";
import type { StepPodSettings } from "../../../../src/targets/kubernetes/engine/render.ts";
import { stepToken, tenantOfStep } from "../../../../src/tenancy/step-tokens.ts";
import { stepEnv } from "../../../pipelines/support.ts";
import { StandInArgo, type Launch } from "./stand-in-argo.ts";

const SECRET = "s".repeat(32);
export const NAMESPACE = "slipway-default";

/** What the pods of steps are made of in tests. */
export const PODS: StepPodSettings = {
  image: "slipway.local/slipway:1",
  url: "http://127.0.0.1:1",
  serviceAccount: "pipeline",
  cpu: "250m",
  memory: { asks: "512Mi", mayHave: "2Gi" },
};

/** Does a step in this process, as its pod's process would. */
const inProcess: Launch = (env, { signal, print }) =>
  runStep(stepSettings(env), { stepEnv: stepEnv(), clock: systemClock, signal, print });

/** The platform's routes for steps, over files in a folder; steps are known by their tenants' tokens. */
export async function openDesk(
  folder: string,
  { port = 0, logDefect = () => undefined }: { port?: number; logDefect?: AppDeps["logDefect"] } = {},
): Promise<{ app: FastifyInstance; desk: StepDesk; port: number }> {
  const ids = systemIds(Date.now);
  for (const name of ["files", "temporary"]) mkdirSync(join(folder, name), { recursive: true });
  const files = new StepFiles({
    blobs: createFolderBlobs(join(folder, "files")),
    root: "workspaces/.slipway",
  });
  const desk = new StepDesk({ files, ids, temporary: join(folder, "temporary"), env: stepEnv() });
  const app = await createApp({
    guard: () => null,
    sentry: {
      tenantExists: () => true,
      callerOf({ headers }) {
        const token = (headers.authorization ?? "").replace(/^Bearer /, "");
        if (token === "person") return { ...stepCaller("default"), kind: "person", name: "ana" };
        const tenant = tenantOfStep(SECRET, token);
        if (tenant === undefined) throw new SlipwayError("CREDENTIALS_REFUSED", "that is no step's token");
        return stepCaller(tenant);
      },
    },
    logDefect,
    version: "0",
  });
  stepRoutes(app, { desk });
  await app.listen({ host: "127.0.0.1", port });
  return { app, desk, port: (app.server.address() as AddressInfo).port };
}

export const tokenOf = (tenant: string): string => stepToken(SECRET, tenant);

/** An engine over an API server, the platform's routes for steps, and a stand-in for Argo and a node. */
export class ArgoBed {
  engine!: ArgoEngine;
  desk!: StepDesk;
  readonly client: ClusterClient;
  readonly specs = new Map<string, PipelineRunSpec>();
  readonly defects: string[] = [];
  readonly argo: StandInArgo;
  readonly #folder: string;
  readonly #access: ClusterAccess;
  readonly #credentials: Credentials;
  readonly #patience: object;
  #app: FastifyInstance | undefined;
  #port = 0;

  private constructor(folder: string, access: ClusterAccess, launch: Launch, patience: object) {
    this.#folder = folder;
    this.#access = access;
    this.#patience = patience;
    this.#credentials = new Credentials(access, { clock: systemClock, env: {} });
    const send = connect(access, { credentials: this.#credentials, clock: systemClock });
    this.client = new ClusterClient(send);
    this.argo = new StandInArgo({
      client: this.client,
      open: connectStreams(access, { credentials: this.#credentials }),
      send,
      namespace: NAMESPACE,
      launch,
      folder: join(folder, "pods"),
    });
  }

  static async open(
    folder: string,
    access: ClusterAccess,
    { launch = inProcess, patience = {} }: { launch?: Launch; patience?: object } = {},
  ): Promise<ArgoBed> {
    const bed = new ArgoBed(folder, access, launch, patience);
    mkdirSync(join(folder, "pods"), { recursive: true });
    await bed.#start();
    bed.argo.start();
    return bed;
  }

  async restart(): Promise<ArgoEngine> {
    await this.#stop();
    await this.#start();
    return this.engine;
  }

  async close(): Promise<void> {
    await this.argo.stop();
    await this.#stop();
  }

  async #start(): Promise<void> {
    const opened = await openDesk(this.#folder, {
      port: this.#port,
      logDefect: (error, where) => void this.defects.push(`${where}: ${String(error)}`),
    });
    this.desk = opened.desk;
    this.#app = opened.app;
    this.#port = opened.port;
    const engine = createArgoEngine({
      client: this.client,
      open: connectStreams(this.#access, { credentials: this.#credentials }),
      clock: systemClock,
      desk: this.desk,
      pods: { ...PODS, url: `http://127.0.0.1:${this.#port}` },
      namespaceOf: (tenant) => (tenant === "default" ? NAMESPACE : tenant),
      tokenOf,
      find: async (id) => {
        const spec = this.specs.get(id);
        return spec && { tenant: "default", steps: spec.project.pipeline.steps.map(({ name }) => name) };
      },
      logDefect: (error, where) => void this.defects.push(`${where}: ${String(error)}`),
      patience: this.#patience,
    });
    this.engine = {
      ...engine,
      submit: (spec) => {
        this.specs.set(spec.id, spec);
        return engine.submit(spec);
      },
      observe: (id, signal) => engine.observe(id, signal),
      cancel: (id) => engine.cancel(id),
      logs: (id, options) => engine.logs(id, options),
      close: () => engine.close(),
    };
  }

  async #stop(): Promise<void> {
    await this.engine.close();
    await this.#app?.close();
  }
}
