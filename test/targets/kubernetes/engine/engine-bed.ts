import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { systemClock } from "../../../../src/base/clock.ts";
import { systemIds } from "../../../../src/base/ids.ts";
import { SlipwayError } from "../../../../src/http/errors.ts";
import { stepCaller } from "../../../../src/http/identity.ts";
import { createApp, type AppDeps } from "../../../../src/http/server.ts";
import type { PipelineRunSpec } from "../../../../src/pipelines/engine.ts";
import { StepDesk } from "../../../../src/pipelines/remote/desk.ts";
import { stepRoutes } from "../../../../src/pipelines/remote/routes.ts";
import { StepFiles } from "../../../../src/pipelines/remote/step-files.ts";
import { createFolderBlobs } from "../../../../src/store/folder-blobs.ts";
import type { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import type { OpenStream } from "../../../../src/targets/kubernetes/cluster/stream.ts";
import { createArgoEngine, type ArgoEngine } from "../../../../src/targets/kubernetes/engine/engine.ts";
import type { StepPodSettings } from "../../../../src/targets/kubernetes/engine/render.ts";
import { stepToken, tenantOfStep } from "../../../../src/tenancy/step-tokens.ts";
import { stepEnv } from "../../../pipelines/support.ts";

const SECRET = "s".repeat(32);

/** The platform's routes for steps, over files in a folder; steps are known by their tenants' tokens. */
export async function openDesk(
  folder: string,
  {
    port = 0,
    host = "127.0.0.1",
    logDefect = () => undefined,
  }: { port?: number; host?: string; logDefect?: AppDeps["logDefect"] } = {},
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
  await app.listen({ host, port });
  return { app, desk, port: (app.server.address() as AddressInfo).port };
}

export const tokenOf = (tenant: string): string => stepToken(SECRET, tenant);

interface BedDeps {
  client: ClusterClient;
  open: OpenStream;
  /** Of the default tenant's steps. */
  namespace: string;
  /** What is said of steps' pods, but for where they reach this process. */
  pods: Omit<StepPodSettings, "url">;
  patience?: object;
  /** Address of this machine for pods. */
  host: string;
}

/** An engine over an API server, and the platform's routes for steps. */
export class EngineBed {
  engine!: ArgoEngine;
  readonly specs = new Map<string, PipelineRunSpec>();
  readonly defects: string[] = [];
  readonly #folder: string;
  readonly #deps: BedDeps;
  #app: FastifyInstance | undefined;
  #port = 0;

  private constructor(folder: string, deps: BedDeps) {
    this.#folder = folder;
    this.#deps = deps;
  }

  static async open(folder: string, deps: BedDeps): Promise<EngineBed> {
    const bed = new EngineBed(folder, deps);
    await bed.#start();
    return bed;
  }

  async restart(): Promise<ArgoEngine> {
    await this.close();
    await this.#start();
    return this.engine;
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.#app?.close();
  }

  async #start(): Promise<void> {
    const { client, open, namespace, pods, patience = {}, host } = this.#deps;
    const logDefect = (error: unknown, where: string) => void this.defects.push(`${where}: ${String(error)}`);
    const { app, desk, port } = await openDesk(this.#folder, { port: this.#port, host, logDefect });
    this.#app = app;
    this.#port = port;
    const engine = createArgoEngine({
      client,
      open,
      clock: systemClock,
      desk,
      pods: { ...pods, url: `http://${host}:${port}` },
      namespaceOf: (tenant) => (tenant === "default" ? namespace : tenant),
      tokenOf,
      find: async (id) => {
        const spec = this.specs.get(id);
        return spec && { tenant: "default", steps: spec.project.pipeline.steps.map(({ name }) => name) };
      },
      logDefect,
      patience,
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
}
