import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../../src/base/clock.ts";
import { openGit } from "../../../../src/git/plumbing.ts";
import { openRenderedBranch } from "../../../../src/git/rendered-branch.ts";
import { digestOf } from "../../../../src/http/credentials.ts";
import { openSentry } from "../../../../src/http/sentry.ts";
import { createApp } from "../../../../src/http/server.ts";
import { adminToken } from "../../../../src/roles/cluster/internal-tokens.ts";
import { archiveRoutes } from "../../../../src/serving/archive/archive-routes.ts";
import { ArchiveStore } from "../../../../src/serving/archive/archive-store.ts";
import type { ServingControl } from "../../../../src/serving/admin/serving-control.ts";
import type { GoneCounts } from "../../../../src/serving/gone-counts.ts";
import type { OutcomeReport } from "../../../../src/serving/outcomes.ts";
import { createFolderBlobs } from "../../../../src/store/folder-blobs.ts";
import { openKubernetesServing } from "../../../../src/targets/kubernetes/serving/backend.ts";
import type { KubernetesServing } from "../../../../src/targets/kubernetes/serving/backend.ts";
import type { KubernetesServingDeps } from "../../../../src/targets/kubernetes/serving/deps.ts";
import { tenantOfWorker, workerToken } from "../../../../src/tenancy/worker-tokens.ts";
import { freePorts } from "../../../support/pod-process.ts";
import { eventually } from "../../../support/serving-platform.ts";
import { StandInCluster } from "./stand-in-cluster.ts";

export const SECRET = "internal-secret-of-at-least-thirty-two-characters";
const TOKEN = "slipway_admin_of_at_least_thirty_two_characters";
const SERVE = { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "serve" };

type Backend = ServingControl & { start(): void };

export interface ServingWorldParts<Kind extends Backend = KubernetesServing> {
  backend: Kind;
  cluster: StandInCluster;
  gone: GoneCounts;
  /** Public addresses of the serve pods. */
  urls: string[];
  headers: Record<string, string>;
  /** Another leader, from the same branch. */
  takeOver(): Promise<Kind>;
  model(file: Uint8Array): Promise<string>;
  restart(serve: number): Promise<void>;
  errors: string[];
  close(): Promise<void>;
}

/** Real serve pods and real model pods, as processes of this machine, and a real branch. */
export function startServingWorld(serves: number): Promise<ServingWorldParts> {
  return startWorld(serves, openKubernetesServing);
}

/** The same, with another backend over the same pods. */
export async function startWorld<Kind extends Backend>(
  serves: number,
  openBackend: (deps: KubernetesServingDeps, cluster: StandInCluster) => Promise<Kind>,
): Promise<ServingWorldParts<Kind>> {
  const root = await mkdtemp(join(tmpdir(), "slipway-kube-serving-"));
  const archives = new ArchiveStore(createFolderBlobs(join(root, "blobs")));
  const platform = await createApp({
    guard: () => null,
    sentry: openSentry,
    logDefect: () => undefined,
    version: "0.0.0",
  });
  archiveRoutes(platform, { archives, tenantOfWorker: (token) => tenantOfWorker(SECRET, token) });
  await platform.listen({ port: 0, host: "127.0.0.1" });
  const cluster = new StandInCluster(root, { SLIPWAY_WORKER_TOKEN: workerToken(SECRET, "default") });
  const git = await openGit({ path: process.env["PATH"] ?? "" });
  const repository = join(root, "environment.git");
  await git.run(["init", "--bare", "--quiet", repository]);
  const stop = new AbortController();
  const kept = new Map<string, OutcomeReport>();
  const gone: GoneCounts = {
    list: async () => [...kept.values()],
    keep: async (report) => void kept.set(report.incarnation, report),
  };
  const errors: string[] = [];
  let leaders = 0;
  const open = async (): Promise<Kind> => {
    const deps: KubernetesServingDeps = {
      pods: cluster,
      carrier: cluster,
      replicas: cluster,
      clock: systemClock,
      signal: stop.signal,
      log: (error, where) => void errors.push(`${where}: ${String(error)}`),
      serveLabels: SERVE,
      portName: "admin",
      token: adminToken(SECRET),
      namespace: "slipway",
      image: "slipway:test",
      url: `http://127.0.0.1:${(platform.server.address() as AddressInfo).port}`,
      isKserve: false,
      branch: openRenderedBranch({
        path: repository,
        git,
        clock: systemClock,
        branch: "refs/heads/kubernetes",
      }),
      archives,
      gone,
      tenantOf: async () => "default",
      ensureTenant: async () => undefined,
      events: async () => [],
      podLog: async (pod, lines) => cluster.output(pod.metadata.name).trimEnd().split("\n").slice(-lines),
      incarnation: `leader-${leaders++}`,
      prepareMs: 20_000,
    };
    const backend = await openBackend(deps, cluster);
    backend.start();
    await backend.admit({ tokens: [] });
    return backend;
  };
  const urls: string[] = [];
  for (let i = 0; i < serves; i++) {
    const [http = 0, grpc = 0, admin = 0] = await freePorts(3);
    urls.push(`http://127.0.0.1:${http}`);
    await cluster.run(
      `serve-${i}`,
      "serve",
      SERVE,
      { http, admin },
      {
        SLIPWAY_INTERNAL_TOKEN: SECRET,
        SLIPWAY_ADMIN_TOKEN: TOKEN,
        SLIPWAY_HOST: "127.0.0.1",
        SLIPWAY_PORT: String(http),
        SLIPWAY_GRPC_PORT: String(grpc),
        SLIPWAY_ADMIN_PORT: String(admin),
        SLIPWAY_CONTROL: "127.0.0.1:1",
        SLIPWAY_DATA: join(root, `serve-${i}`),
        TMPDIR: root,
      },
    );
  }
  const backends = [await open()];
  const headers = { authorization: `Bearer ${TOKEN}` };
  const isReady = (url: string) =>
    fetch(`${url}/v2/health/ready`, { headers }).then(
      ({ status }) => status === 200,
      () => false,
    );
  for (const url of urls) await eventually(`${url} ready`, () => isReady(url), 20_000);
  void digestOf;
  let models = 0;
  return {
    backend: backends[0]!,
    cluster,
    gone,
    urls,
    headers,
    errors,
    async takeOver() {
      for (const backend of backends) backend.close();
      backends.push(await open());
      return backends.at(-1)!;
    },
    async model(file) {
      const folder = join(root, "models", String((models += 1)));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "model.onnx"), file);
      return folder;
    },
    async restart(serve) {
      const [pid] = cluster.pids({ ...SERVE }).slice(serve, serve + 1);
      const [pod] = cluster.find(SERVE).slice(serve, serve + 1);
      process.kill(pid ?? 0, "SIGKILL");
      const wasReady = eventually("a serve pod that died", () => {
        const [status] = pod?.status?.containerStatuses ?? [];
        return (status?.restartCount ?? 0) > 0 && cluster.pids({ ...SERVE })[serve] !== pid;
      });
      await wasReady;
      await eventually("serve is ready again", () => isReady(urls[serve] ?? ""), 20_000);
    },
    async close() {
      stop.abort(new Error("the test is over"));
      for (const backend of backends) backend.close();
      await cluster.close();
      await platform.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
