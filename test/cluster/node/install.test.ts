import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TABLE } from "../../e2e/projects.ts";
import { eventually, run } from "../../e2e/platform.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { listable } from "../support/resources.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { denied } from "./support/denied.ts";
import { failuresOf, memoryOf } from "./support/figures.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { testNode } from "./support/node.ts";
import { testImage } from "./support/pods.ts";
import { ClusterService } from "./support/service.ts";
import { Traffic } from "./support/traffic.ts";
import { Writer } from "./support/writer.ts";

const NAMESPACE = "installed";
const TENANT = tenantNamespace(NAMESPACE);
const SERVICE = "table";
const SPEC = "serving: { protocol: [v2] }\n";

interface Planned {
  objects: { action: string; key: string }[];
}

interface Destroyed {
  objects: string[];
  stays: string[];
}

interface Named {
  items: { metadata: { name: string } }[];
}

interface Pods {
  items: {
    metadata: { labels?: Record<string, string> };
    spec: { containers: { image: string }[] };
  }[];
}

interface Checked {
  checks: { name: string; result: string; says: string }[];
}

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let platform: ClusterPlatform;
let service: ClusterService;
let home: string;

beforeAll(async () => {
  cluster = testCluster();
  home = mkdtempSync(join(tmpdir(), "slipway-home-"));
  argo = await installArgoWorkflows(cluster);
  platform = await startClusterPlatform(cluster, NAMESPACE);
  service = await ClusterService.create(platform, SERVICE, TABLE, SPEC);
});

afterAll(async () => {
  service?.remove();
  await platform?.remove();
  await argo?.remove();
  rmSync(home, { recursive: true, force: true });
});

/** The command as its first admin, signed in by a token in a folder of this test's own. */
function command(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const env = { HOME: home, XDG_CONFIG_HOME: home, SLIPWAY_URL: platform.url };
  return run(process.execPath, ["bin/slipway", ...args], { env });
}

it("lets its first admin in by the token of its Secret", async () => {
  const login = `printf %s "$TOKEN" | "$0" bin/slipway login --token --url "$URL"`;
  const env = { HOME: home, XDG_CONFIG_HOME: home, TOKEN: platform.token, URL: platform.url };
  const { code, output } = await run("sh", ["-c", login, process.execPath], { env });
  expect(code, output).toBe(0);
  const who = await command(["whoami", "--url", platform.url]);
  expect(who.output).toContain("platform admin");
});

it("trains and serves what is pushed", async () => {
  expect(await service.push()).toContain("first champion");
});

it("is as its file says, and well, by its own commands", async () => {
  const status = await platform.run("status");
  expect(status.code, status.stdout + status.stderr).toBe(0);
  const plan = await platform.json<Planned>("diff");
  expect(plan.objects).toEqual([]);
  const { checks } = await platform.json<Checked>("verify");
  expect(checks.filter(({ result }) => result !== "passed" && result !== "warning")).toEqual([]);
});

it("takes another image under traffic, and loses nothing that it acknowledged", async () => {
  const { url, token } = platform;
  const traffic = new Traffic({ url, model: SERVICE, token, rate: 20, questions: 10 });
  const writer = new Writer(platform);
  const image = await imageByAnotherName();
  try {
    platform.change({ image, memory: { control: "640Mi", serve: "320Mi" } });
    const { code, stdout, stderr } = await platform.run("apply");
    expect(code, stdout + stderr).toBe(0);
    await platform.ready();
    await eventually("models in pods of the other image", async () => {
      const { items } = (await cluster.get<Pods>(`/api/v1/namespaces/${TENANT}/pods`)) ?? { items: [] };
      const models = items.filter(({ metadata }) => metadata.labels?.["slipway.dev/service"] === SERVICE);
      const isNew = models.every(({ spec }) => spec.containers[0]?.image === image);
      return models.length > 0 && isNew ? true : undefined;
    });
  } finally {
    await traffic.stop();
    await writer.stop();
  }
  const refused = writer.writes.filter(({ status }) => status !== 200);
  const longest = Math.max(...writer.writes.map(({ sentAt, endedAt }) => endedAt - sentAt));
  console.log(
    [
      `predictions without a good answer: ${failuresOf(traffic.calls)}`,
      `writes that were refused: ${refused.length} of ${writer.writes.length}, the longest took ${longest} ms`,
      ...refused.map(({ status, failure }) => `  ${status} ${failure}`),
    ].join("\n"),
  );
  expect(await writer.lost()).toEqual([]);
  expect(traffic.calls.length).toBeGreaterThan(100);
  expect(traffic.calls.filter(({ status }) => status !== 200)).toEqual([]);
  // Nobody leads for a moment, which may be long on a busy machine; who writes then is told so.
  expect(refused.filter(({ status }) => status !== 503 && status !== 0)).toEqual([]);
  expect(writer.writes.at(-1)?.status).toBe(200);
});

it("asks the API server for nothing that it may not", async () => {
  const memory = await memoryOf(cluster, [NAMESPACE, TENANT]);
  console.log(
    memory
      .map(({ pod, workingSet, rss }) => `${pod} ${workingSet.toFixed(0)} MiB (${rss.toFixed(0)})`)
      .join("\n"),
  );
  expect(denied([NAMESPACE, TENANT])).toEqual([]);
});

it("is taken down again, but for what it says", async () => {
  const { objects, stays } = await platform.json<Destroyed>("destroy", "--yes", "--delete-volumes");
  expect(objects).toContain(`Namespace//${TENANT}`);
  expect(await cluster.get(`/api/v1/namespaces/${TENANT}`)).toBeUndefined();
  const names = async (plural: string): Promise<string[]> => {
    const list = await cluster.get<Named>(`/api/v1/namespaces/${NAMESPACE}/${plural}`);
    return (list?.items ?? []).map(({ metadata }) => metadata.name).sort();
  };
  const secrets = await names("secrets");
  expect(secrets).toEqual(["database", "objects", "slipway-admin", "slipway-internal"]);
  expect(stays).toEqual(expect.arrayContaining(secrets.map((name) => `Secret ${NAMESPACE}/${name}`)));
  expect(await names("services")).toEqual(["door"]);
  expect(await names("persistentvolumeclaims")).toEqual([]);
  expect(await labelled()).toEqual([]);
});

/** Whatever bears the platform's label, in all kinds that there are. */
async function labelled(): Promise<string[]> {
  const found: string[] = [];
  for (const { kind, path } of await listable(cluster)) {
    const query = { labelSelector: `slipway.dev/platform=${NAMESPACE}` };
    const { status, body } = await cluster.send({ method: "GET", path, query });
    if (status === 200)
      found.push(...(body as Named).items.map(({ metadata }) => `${kind}/${metadata.name}`));
  }
  return found;
}

/** The image that runs, as another one to whoever compares names; its own name in a cluster whose images aren't ours. */
async function imageByAnotherName(): Promise<string> {
  const { ctr, socket } = testNode();
  if (ctr === undefined || socket === undefined) return testImage();
  const name = `${testImage()}-next`;
  const args = ["--address", socket, "--namespace", "k8s.io", "images", "tag", "--force", testImage(), name];
  const { code, output } = await run(ctr, args);
  expect(code, output).toBe(0);
  return name;
}
