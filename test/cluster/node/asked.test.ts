// A service on a platform that `slipway platform apply` made: its log of what was asked, and its pods while nobody asks.
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../e2e/platform.ts";
import { table } from "../../e2e/verdict.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { leaderOf } from "./support/faults.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { deletePod, podsBy } from "./support/pods.ts";
import { ClusterService } from "./support/service.ts";

const NAMESPACE = "asked";
const TENANT = tenantNamespace(NAMESPACE);
const SERVE = { "app.kubernetes.io/component": "serve" };
const IDLE_MS = 8_000;
const BACK_MS = 120_000;
const SPEC = `serving:
  scale: { min: 0, idle: ${IDLE_MS / 1_000}s }
  timeout: 60s
  log: { sample: 100%, values: true }
  resources: { cpu: 0.1 }
rollout: { steps: [50], metrics: [{ name: errors, worseBy: 10pp }] }
`;

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let platform: ClusterPlatform;
let service: ClusterService;

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  platform = await startClusterPlatform(cluster, NAMESPACE);
  service = await ClusterService.create(platform, "digits", table(), SPEC);
  await service.push();
  await service.until("a champion", ({ champion }) => champion?.version === 1);
});

afterAll(async () => {
  await platform?.remove();
  await argo?.remove();
  service?.remove();
});

const pods = () => podsBy(cluster, TENANT, { "slipway.dev/service": "digits" });
const none = () => eventually("no pods", async () => (await pods()).length === 0 || undefined, BACK_MS);

/** Over a connection of its own, so that none is kept to a pod that goes. */
async function ask(id: string): Promise<{ status: number; text: string }> {
  const body = JSON.stringify({ inputs: [{ name: "index", shape: [1], datatype: "INT64", data: [3] }] });
  const asked = request(`${platform.url}/v2/models/digits/infer`, {
    method: "POST",
    agent: false,
    headers: {
      authorization: `Bearer ${platform.token}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "x-slipway-request-id": id,
    },
    signal: AbortSignal.timeout(90_000),
  });
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
  return { status: answer.statusCode ?? 0, text };
}

/** One after the other; answers their ids. */
async function askAll(name: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  for (const id of ids) expect(await ask(id)).toMatchObject({ status: 200 });
  return ids;
}

interface Row {
  request_id: string;
  input_index: number;
  output_value: number;
}

async function logged(): Promise<Row[]> {
  const { rows } = await service.call<{ rows: Row[] }>("/services/digits/predictions?limit=1000");
  return rows;
}

const idsOf = (rows: readonly Row[]) => rows.map(({ request_id: id }) => id).sort();

it("ends the pods of a service that nobody asks, and brings one for whoever asks next", async () => {
  for (const round of ["first", "second"]) {
    await none();
    const began = performance.now();
    const answers = await Promise.all([ask(`${round}-a`), ask(`${round}-b`)]);
    console.log(`cold request answered after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await pods()).toHaveLength(1);
  }
  expect((await service.view()).champion).toMatchObject({ version: 1 });
});

it("has what every serve pod answered in the log, over the loss of a serve pod and of the leader", async () => {
  const before = idsOf(await logged());
  expect(before).toEqual(expect.arrayContaining(["first-a", "first-b", "second-a", "second-b"]));
  const ids = await askAll("early", 20);
  expect(idsOf(await logged())).toEqual([...before, ...ids].sort());
  const [serve] = await podsBy(cluster, NAMESPACE, SERVE);
  await deletePod(cluster, serve!, 30);
  await eventually("another serve pod", async () => {
    const now = await podsBy(cluster, NAMESPACE, SERVE);
    return now.every(({ metadata }) => metadata.uid !== serve!.metadata.uid) || undefined;
  });
  await deletePod(cluster, await leaderOf(cluster, NAMESPACE), 0);
  await platform.ready();
  const more = await askAll("late", 20);
  const found = await eventually(
    "the log of all",
    async () => {
      const rows = await logged().catch(() => []);
      return rows.length >= before.length + ids.length + more.length ? rows : undefined;
    },
    BACK_MS,
  );
  expect(idsOf(found)).toEqual([...before, ...ids, ...more].sort());
  expect(found[0]).toMatchObject({ input_index: 3, output_value: 30 });
  const { files } = await service.call<{ files: { name: string; bytes: number }[] }>(
    "/services/digits/predictions/files",
    {},
  );
  expect(files.length).toBeGreaterThan(0);
  expect(idsOf(await logged())).toEqual([...before, ...ids, ...more].sort());
});
