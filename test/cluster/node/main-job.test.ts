import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../e2e/platform.ts";
import { table } from "../../e2e/verdict.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { environmentUrl } from "../../../src/targets/kubernetes/components/argo-cd/models.ts";
import { installArgoCd, repositorySecret, type InstalledArgoCd } from "./support/argo-cd.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { Figures, failuresOf, harmOf, memoryOf, seconds, splitBand } from "./support/figures.ts";
import { Labelling } from "./support/labelling.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { gatewayAddress } from "./support/gateway.ts";
import { GATEWAY_HOST } from "./support/platform-file.ts";
import { make, testImage } from "./support/pods.ts";
import { ClusterService } from "./support/service.ts";
import { Traffic, type Call } from "./support/traffic.ts";

const NAMESPACE = "main-job";
const RATE = 50;
const QUESTIONS = 10;
const SHARE = 0.1;
/** A request that was assigned before may end so long after. */
const SETTLE_MS = 1_000;
const SILENCE_MS = 2_000;
/** For all serve pods to have heard of a promotion. */
const PROMOTION_MS = 1_000;
/** What a laptop takes as it is. */
const BY_WEIGHTS = `serving: { scale: { min: 2, max: 2 }, resources: { cpu: 0.1 } }
rollout:
  steps: [10]
  metrics:
    - { name: errors, worseBy: 5pp }
`;
const SPEC = `${BY_WEIGHTS}    - { name: accuracy, from: labels, worseBy: 10pp, within: 1s }
`;

const ROUTES = `/apis/gateway.networking.k8s.io/v1/namespaces/${tenantNamespace(NAMESPACE)}/httproutes`;
const FAILS_ON_HALF = table({ size: QUESTIONS / 2 });
const isFailure = ({ status }: Call): boolean => status !== 200;

interface Pods {
  items: { metadata: { name: string }; spec: { containers: { name: string; image: string }[] } }[];
}

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let argoCd: InstalledArgoCd;
let platform: ClusterPlatform;
let service: ClusterService;
let traffic: Traffic;
let labelling: Labelling;
const figures = new Figures();

beforeAll(async () => {
  cluster = testCluster();
  [argo, argoCd] = await Promise.all([installArgoWorkflows(cluster), installArgoCd(cluster)]);
  const replicas = { control: 2, serve: 2 };
  platform = await startClusterPlatform(cluster, NAMESPACE, replicas, { hasArgoCd: true, hasGateway: true });
  service = await ClusterService.create(platform, "digits", table(), SPEC);
  const reader = { name: "argocd", tenant: "default", role: "viewer", scopes: ["git"] };
  const { token } = await service.call<{ token: string }>("/tokens", reader);
  await make(cluster, repositorySecret(environmentUrl(`http://slipway.${NAMESPACE}.svc:4600`), token));
});

afterAll(async () => {
  await labelling?.stop();
  await traffic?.stop();
  figures.print();
  await platform?.remove();
  await argoCd?.remove();
  await argo?.remove();
  service?.remove();
});

it("trains what is pushed in pods, and answers with it from others", async () => {
  // Model pods behind a gateway take no other: it opens nothing of anybody else's.
  const caller = { name: "caller", tenant: "default", role: "member", scopes: ["predict"] };
  const { token } = await service.call<{ token: string }>("/tokens", caller);
  const outside = { url: await gatewayAddress(cluster), host: GATEWAY_HOST, token };
  traffic = new Traffic({ ...outside, model: "digits", rate: RATE, questions: QUESTIONS });
  const pushedAt = Date.now();
  expect(await service.push()).toContain("first champion");
  await service.until("a champion", ({ champion }) => champion?.version === 1);
  const first = await answered(({ status }) => status === 200);
  figures.add("push to first prediction", seconds(first.endedAt - pushedAt));
  expect(first).toMatchObject({ variant: "1", value: first.question * 10 });
  labelling = new Labelling(service, traffic);
  const seen = await containers();
  for (const line of seen) figures.add("pod", line);
  for (const role of ["step-upload", "digits-v1", "control-", "serve-"])
    expect(seen.find((one) => one.includes(role))).toContain(`of ${testImage()}`);
});

it("shares as it was told, and promotes without losing a request", async () => {
  await promotes("router", { version: 2, champion: 1, spec: SPEC });
});

it("takes out a version that fails on half of its inputs", async () => {
  await takesOut("errors", { version: 3, champion: 2, spec: SPEC }, FAILS_ON_HALF, isFailure);
});

it("takes out a version that is wrong by its labels", async () => {
  const wrong = ({ question, value }: Call): boolean => value !== question * 10;
  await takesOut("labels", { version: 4, champion: 2, spec: SPEC }, table({ step: 11 }), wrong);
  const memory = await memoryOf(cluster, [NAMESPACE, tenantNamespace(NAMESPACE)]);
  for (const { pod, workingSet, rss } of memory) {
    figures.add("memory", `${pod}: ${workingSet.toFixed(0)} MiB working set, ${rss.toFixed(0)} MiB rss`);
  }
});

it("turns to the gateway's weights without losing a request", async () => {
  await labelling.stop();
  const from = Date.now();
  platform.change({ routing: "gateway" });
  await platform.json("apply");
  await platform.ready();
  await eventually("the service's route", async () => {
    const routes = await cluster.get<{ items: object[] }>(ROUTES);
    return routes?.items.length === 1 ? true : undefined;
  });
  await sleep(SILENCE_MS);
  figures.add("failed when the gateway took over", failuresOf(traffic.since(from)));
  expect(failuresOf(traffic.since(from))).toMatch(/^0 of/);
});

it("shares by the gateway's weights as it was told, and promotes without losing a request", async () => {
  await promotes("gateway", { version: 5, champion: 2, spec: BY_WEIGHTS });
});

it("takes out of the gateway a version that fails on half of its inputs", async () => {
  await takesOut("errors, gateway", { version: 6, champion: 5, spec: BY_WEIGHTS }, FAILS_ON_HALF, isFailure);
});

it("turns back to serve without losing a request", async () => {
  const from = Date.now();
  platform.change({ routing: "router" });
  await platform.json("apply");
  await platform.ready();
  await eventually("no route of a service", async () => {
    const routes = await cluster.get<{ items: object[] }>(ROUTES);
    return routes?.items.length === 0 ? true : undefined;
  });
  await sleep(SILENCE_MS);
  figures.add("failed when serve took over again", failuresOf(traffic.since(from)));
  expect(failuresOf(traffic.since(from))).toMatch(/^0 of/);
});

/** Waits for a request that went so, and answers the first such. */
function answered(isSo: (call: Call) => boolean): Promise<Call> {
  return eventually("such an answer", async () => traffic.calls.find(isSo), 60_000);
}

function firstOf(variant: string): number {
  return Math.min(...traffic.calls.filter((call) => call.variant === variant).map(({ sentAt }) => sentAt));
}

function lastOf(variant: string): number {
  return Math.max(...traffic.calls.filter((call) => call.variant === variant).map(({ sentAt }) => sentAt));
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

/** Of everything called a pod here: what it is made of. */
async function containers(): Promise<string[]> {
  const lists = await Promise.all(
    [NAMESPACE, tenantNamespace(NAMESPACE)].map((name) =>
      cluster.get<Pods>(`/api/v1/namespaces/${name}/pods`),
    ),
  );
  return lists
    .flatMap((list) => list?.items ?? [])
    .map(({ metadata, spec }) => {
      const images = spec.containers.map(({ name, image }) => `${name} of ${image}`);
      return `${metadata.name}: ${images.join(", ")}`;
    });
}

interface Trial {
  version: number;
  champion: number;
  spec: string;
}

async function promotes(how: string, { version, champion, spec }: Trial): Promise<void> {
  const from = Date.now();
  const [next, before] = [String(version), String(champion)];
  await service.change(table({ size: QUESTIONS + version }), spec);
  const now = await service.ended(version);
  expect(now, now.rollout?.sentence ?? "").toMatchObject({
    champion: { version },
    rollout: { state: "promoted" },
  });
  await answered(({ variant, sentAt }) => variant === next && sentAt > lastOf(before) + SILENCE_MS);
  const calls = traffic.since(from);
  const [first, last] = [firstOf(next), lastOf(before)];
  figures.add(`${how}: first request of a version to the last of the one before`, seconds(last - first));
  const trial = calls.filter(({ sentAt }) => sentAt >= first + SETTLE_MS && sentAt < last - PROMOTION_MS);
  const had = trial.filter(({ variant }) => variant === next).length / trial.length;
  const [least, most] = splitBand(SHARE, trial.length);
  const band = `${percent(least)} to ${percent(most)}`;
  figures.add(`${how}: split at 10 %`, `${percent(had)} of ${trial.length} (99.9 % of fair ones: ${band})`);
  expect(had).toBeGreaterThan(least);
  expect(had).toBeLessThan(most);
  figures.add(`${how}: failed during canary and promotion`, failuresOf(calls));
  expect(failuresOf(calls)).toMatch(/^0 of/);
}

async function takesOut(
  what: string,
  { version, champion, spec }: Trial,
  model: ReturnType<typeof table>,
  isBad: (call: Call) => boolean,
): Promise<void> {
  const from = Date.now();
  await service.change(model, spec);
  const now = await service.ended(version);
  expect(now, now.rollout?.sentence ?? "").toMatchObject({
    champion: { version: champion },
    rollout: { version, state: "rolledback" },
  });
  await sleep(SILENCE_MS);
  const harm = harmOf(traffic.since(from), String(version), isBad);
  figures.add(`${what}: first bad answer to zero traffic`, seconds(harm.ms));
  figures.add(`${what}: bad answers`, `${harm.bad} of ${harm.answers} of version ${version}`);
  figures.add(`${what}: sentence`, now.rollout?.sentence ?? "");
  expect(harm.bad).toBeGreaterThan(0);
  expect(lastOf(String(version))).toBeLessThan(Date.now() - SILENCE_MS / 2);
  const others = traffic.since(from).filter(({ variant }) => variant !== String(version));
  expect(failuresOf(others)).toMatch(/^0 of/);
}
