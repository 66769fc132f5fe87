import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../../src/base/clock.ts";
import { eitherSignal } from "../../../../src/base/either-signal.ts";
import { openGit } from "../../../../src/git/plumbing.ts";
import { openRenderedBranch } from "../../../../src/git/rendered-branch.ts";
import { openSentry } from "../../../../src/http/sentry.ts";
import { createApp } from "../../../../src/http/server.ts";
import { adminToken } from "../../../../src/roles/cluster/internal-tokens.ts";
import { archiveRoutes } from "../../../../src/serving/archive/archive-routes.ts";
import { ArchiveStore } from "../../../../src/serving/archive/archive-store.ts";
import type { OutcomeReport } from "../../../../src/serving/outcomes.ts";
import { createFolderBlobs } from "../../../../src/store/folder-blobs.ts";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Applier } from "../../../../src/targets/kubernetes/serving/applier.ts";
import { openKubernetesServing } from "../../../../src/targets/kubernetes/serving/backend.ts";
import type { KubernetesServing } from "../../../../src/targets/kubernetes/serving/backend.ts";
import { eventsIn } from "../../../../src/targets/kubernetes/serving/events.ts";
import { readPodLog } from "../../../../src/targets/kubernetes/serving/pod-log.ts";
import { clusterReplicas } from "../../../../src/targets/kubernetes/serving/replicas.ts";
import { KSERVE_KIND, VARIANT_KINDS } from "../../../../src/targets/kubernetes/serving/variant-kinds.ts";
import { WatchedPods } from "../../../../src/targets/kubernetes/serving/watched-pods.ts";
import { tenantOfWorker } from "../../../../src/tenancy/worker-tokens.ts";
import { eventually } from "../../../support/serving-platform.ts";
import { testCluster, type TestCluster } from "../../support/cluster.ts";
import { removeNamespaces } from "../../support/objects.ts";
import { hostAddress } from "./node.ts";
import { isReady, make, podsBy, testImage, type NamedPod } from "./pods.ts";
import { givenToServing, SECRET, SERVE, TOKEN } from "./serve-pods.ts";

const TOLD_MS = 120_000;

interface Choice {
  /** Namespace of the serve pods; the models' are in `<home>-default`. */
  home: string;
  serves: number;
  isKserve: boolean;
}

/** What a leader opens. */
interface Leader {
  /** Default: the one that is tested. */
  image?: string;
  branch?: string;
  /** How long a variant's pods are waited for; default 45 s. */
  prepareMs?: number;
  /** Default: the world's. */
  isKserve?: boolean;
}

/** Serve pods that are told by a backend in this process, as a leader tells them, and a tenant's namespace. */
export interface ServingWorld {
  cluster: TestCluster;
  /** The first leader's. */
  backend: KubernetesServing;
  /** Another leader, from the same branch. */
  open(leader?: Leader): Promise<KubernetesServing>;
  /** The models' namespace. */
  place: string;
  /** Of those who call serve pods. */
  headers: Record<string, string>;
  /** Applies everything as it stands in Git, as is done to put back what somebody changed. */
  applyAll(): Promise<void>;
  /** What backends found to be wrong. */
  logged: string[];
  /** Those that are ready, which means: told. */
  servePods(): Promise<NamedPod[]>;
  /** A folder with that model. */
  model(file: Uint8Array): Promise<string>;
  close(): Promise<void>;
}

/** Resolves when all serve pods were told. */
export async function startServingWorld(choice: Choice): Promise<ServingWorld> {
  const cluster = testCluster();
  const { home, serves } = choice;
  const place = `${home}-default`;
  const root = await mkdtemp(join(tmpdir(), "slipway-pods-"));
  const stop = new AbortController();
  const archives = new ArchiveStore(createFolderBlobs(join(root, "blobs")));
  const platform = await startPlatform(archives);
  const logged: string[] = [];
  await make(cluster, ...givenToServing(home, place, serves));
  const { open, applyAll } = await leaders({
    cluster,
    choice,
    place,
    root,
    archives,
    logged,
    stop,
    url: platform.url,
  });
  const backend = await open();
  let models = 0;
  const servePods = async (): Promise<NamedPod[]> =>
    (await podsBy(cluster, home, { "app.kubernetes.io/component": "serve" })).filter(isReady);
  await eventually("serve pods that were told", async () => (await servePods()).length === serves, TOLD_MS);
  return {
    cluster,
    backend,
    open,
    applyAll,
    place,
    headers: { authorization: `Bearer ${TOKEN}` },
    logged,
    servePods,
    async model(file) {
      const folder = join(root, "models", String((models += 1)));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "model.onnx"), file);
      return folder;
    },
    async close() {
      stop.abort(new Error("the test is over"));
      await removeNamespaces(cluster, [home, place]);
      await platform.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What model pods ask of control: their archives. */
async function startPlatform(archives: ArchiveStore): Promise<{ url: string; close: () => Promise<void> }> {
  const app = await createApp({
    guard: () => null,
    sentry: openSentry,
    logDefect: () => undefined,
    version: "0.0.0",
  });
  archiveRoutes(app, { archives, tenantOfWorker: (token) => tenantOfWorker(SECRET, token) });
  await app.listen({ port: 0, host: "0.0.0.0" });
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://${hostAddress()}:${port}`, close: () => app.close() };
}

interface Leading {
  cluster: TestCluster;
  choice: Choice;
  place: string;
  root: string;
  archives: ArchiveStore;
  logged: string[];
  stop: AbortController;
  url: string;
}

/** Opens one leader after the other over the same pods and the same repository. */
async function leaders(world: Leading): Promise<Pick<ServingWorld, "open" | "applyAll">> {
  const { cluster, choice, place, root, archives, logged, stop, url } = world;
  const { home } = choice;
  const client = new ClusterClient(cluster.send);
  const log = (error: unknown, where: string) => void logged.push(`${where}: ${String(error)}`);
  const deps = { client, clock: systemClock, signal: stop.signal, log };
  const pods = new WatchedPods({ ...deps, open: cluster.open });
  await Promise.all([pods.follow(home), pods.follow(place)]);
  const git = await openGit({ path: process.env["PATH"] ?? "" });
  const path = join(root, "environment.git");
  await git.run(["init", "--bare", "--quiet", path]);
  const kept = new Map<string, OutcomeReport>();
  const kindsOf = (isKserve: boolean) => [...VARIANT_KINDS, ...(isKserve ? [KSERVE_KIND] : [])];
  const branchOf = (name: string) =>
    openRenderedBranch({ path, git, clock: systemClock, branch: `refs/heads/${name}` });
  let count = 0;
  const open: ServingWorld["open"] = async ({
    image = testImage(),
    branch = "kubernetes",
    prepareMs = 45_000,
    isKserve = choice.isKserve,
  } = {}) => {
    // What a leader does by itself ends with it.
    const ending = new AbortController();
    const { signal, release } = eitherSignal(stop.signal, ending.signal);
    const one = await openKubernetesServing({
      ...deps,
      signal,
      pods,
      carrier: new Applier({ ...deps, signal, kinds: kindsOf(isKserve) }),
      ...(isKserve ? {} : { replicas: clusterReplicas(client) }),
      serveLabels: SERVE,
      portName: "admin",
      token: adminToken(SECRET),
      namespace: home,
      image,
      pullPolicy: "IfNotPresent",
      url,
      isKserve,
      branch: branchOf(branch),
      archives,
      gone: {
        list: async () => [...kept.values()],
        keep: async (report) => void kept.set(report.incarnation, report),
      },
      tenantOf: async () => "default",
      ensureTenant: async () => undefined,
      events: (namespace) => eventsIn(client, namespace, isKserve),
      podLog: (pod, lines) => readPodLog(cluster.open, pod, lines),
      incarnation: `leader-${count++}`,
      prepareMs,
    });
    const close = one.close.bind(one);
    one.close = () => {
      ending.abort(new Error("another one leads"));
      release();
      close();
    };
    one.start();
    await one.admit({ tokens: [] });
    return one;
  };
  const applyAll = async (): Promise<void> => {
    const { commit, files } = await branchOf("kubernetes").read();
    await new Applier({ ...deps, kinds: kindsOf(choice.isKserve) }).carryOut(commit ?? "", files);
  };
  return { open, applyAll };
}
