import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, git, newFolder, removeFolder, run, startPlatform } from "../../e2e/platform.ts";
import { modelProject, workTree } from "../../e2e/projects.ts";
import { table } from "../../e2e/verdict.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { ClusterService } from "./support/service.ts";

const NAMESPACE = "two-tenants";
const QUOTA = { cpu: 4, memory: "8Gi", pods: 5, storage: "5Gi" };
const TENANTS = ["team-red", "team-blue"] as const;
/** More pods than the quota leaves room for, beside the champion's. */
const TOO_MANY = 8;
const BIN = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "bin", "slipway");
const spec = (
  pods: number,
): string => `serving: { scale: { min: ${pods}, max: ${pods} }, resources: { cpu: 0.1 } }
rollout: { steps: [50], metrics: [{ name: errors, worseBy: 10pp }] }
`;

interface Listed {
  items: { metadata: { name: string } }[];
}

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let platform: ClusterPlatform;
const tokens = new Map<string, string>();
const services = new Map<string, ClusterService>();

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  const tenants = TENANTS.map((name) => ({ name, quota: QUOTA }));
  platform = await startClusterPlatform(cluster, NAMESPACE, { control: 1, serve: 1 }, { tenants });
  for (const tenant of TENANTS) tokens.set(tenant, await tokenOf(tenant));
});

afterAll(async () => {
  for (const service of services.values()) service.remove();
  await platform?.remove();
  await argo?.remove();
});

/** Of a person who is a member of that tenant alone. */
async function tokenOf(tenant: string): Promise<string> {
  const person = `of-${tenant}`;
  await ask("POST", "/people", { name: person, password: "correct horse battery" });
  await ask("PUT", `/tenants/${tenant}/members/${person}`, { role: "member" });
  return ((await ask("POST", "/tokens", { name: "test", person })) as { token: string }).token;
}

async function ask(method: string, path: string, body: object): Promise<unknown> {
  const answer = await fetch(`${platform.url}/api/slipway/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  expect(answer.ok, `${path}: ${answer.status}`).toBe(true);
  return answer.json();
}

async function predict(tenant: string, model: string): Promise<number> {
  const inputs = [{ name: "index", shape: [1], datatype: "INT64", data: [3] }];
  const answer = await fetch(`${platform.url}/v2/models/${model}/infer`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokens.get(tenant)}`, "content-type": "application/json" },
    body: JSON.stringify({ inputs }),
    signal: AbortSignal.timeout(20_000),
  });
  await answer.text();
  return answer.status;
}

async function podsOf(namespace: string): Promise<string[]> {
  const list = await cluster.get<Listed>(`/api/v1/namespaces/${namespace}/pods`);
  return (list?.items ?? []).map(({ metadata }) => metadata.name);
}

/** The real command, as a member of that tenant. */
async function command(tenant: string, ...args: string[]): Promise<string> {
  const env = { SLIPWAY_TOKEN: tokens.get(tenant) ?? "", NO_COLOR: "1" };
  const { output } = await run(process.execPath, [BIN, ...args, "--url", platform.url], { env });
  return output;
}

it("runs each tenant's pods in its own namespace, and shows it nothing of the other", async () => {
  await Promise.all(
    TENANTS.map(async (tenant, index) => {
      const own = { url: platform.url, token: tokens.get(tenant) ?? "" };
      const service = await ClusterService.create(own, `model-${index}`, table(), spec(1));
      services.set(tenant, service);
      expect(await service.push()).toContain("first champion");
      await service.until("a champion", ({ champion }) => champion?.version === 1);
    }),
  );
  expect(await predict("team-red", "model-0")).toBe(200);
  expect(await predict("team-blue", "model-1")).toBe(200);
  expect(await predict("team-red", "model-1")).toBe(404);
  expect(await predict("team-blue", "model-0")).toBe(404);
  const [red, blue] = [await podsOf("team-red"), await podsOf("team-blue")];
  expect(red.filter((pod) => pod.startsWith("model-"))).toEqual([expect.stringMatching(/^model-0-v1-/)]);
  expect(blue.filter((pod) => pod.startsWith("model-"))).toEqual([expect.stringMatching(/^model-1-v1-/)]);
  expect(red.some((pod) => pod.includes("step-upload"))).toBe(true);
  expect(blue.some((pod) => pod.includes("step-upload"))).toBe(true);
});

it("lets neither know of the other, nor push to it", async () => {
  const repository = (tenant: string, model: string): string => {
    const address = new URL(`/git/${model}.git`, platform.url);
    return Object.assign(address, { username: "token", password: tokens.get(tenant) }).href;
  };
  for (const [tenant, model, other] of [
    ["team-red", "model-0", "model-1"],
    ["team-blue", "model-1", "model-0"],
  ] as const) {
    const asked = [
      ["why", `service/${other}`],
      ["logs", `service/${other}`],
      ["history", other],
      ["status", other],
    ];
    const [status = "", ...answers] = await Promise.all(
      [["status"], ...asked].map((args) => command(tenant, ...args)),
    );
    expect(status).toContain(model);
    expect(status).not.toContain(other);
    for (const [index, answer] of answers.entries())
      expect(answer, asked[index]?.join(" ")).toMatch(/NOT_FOUND|no model|no service|not found/i);
    expect((await run("git", ["ls-remote", repository(tenant, model)])).code).toBe(0);
    const { code, output } = await run("git", ["ls-remote", repository(tenant, other)]);
    expect(code, output).not.toBe(0);
    expect(output).toMatch(/not found/i);
  }
});

// Whether the cluster enforces them is its network's matter: here they are what is rendered, and what is in the cluster.
it("closes each tenant's pods to the other's by network policies", async () => {
  const ways = [TENANTS, [...TENANTS].reverse()] as [string, string][];
  const asked = ways.flatMap(([from, to]) => [4620, 4621].map((port) => [from, `${to}:${port}`] as const));
  for (const { code, stdout } of await Promise.all(asked.map((ends) => platform.run("can", ...ends)))) {
    expect(code, stdout).toBe(1);
    expect(stdout).toContain("closed, no rule of");
  }
  const { objects } = await platform.json<{ objects: { key: string }[] }>("diff");
  expect(objects.filter(({ key }) => key.startsWith("NetworkPolicy"))).toEqual([]);
  for (const tenant of TENANTS) {
    const path = `/apis/networking.k8s.io/v1/namespaces/${tenant}/networkpolicies`;
    expect((await cluster.get<Listed>(path))?.items.length).toBeGreaterThan(0);
  }
});

it("says in one command that a quota is used up, and goes on serving", async () => {
  const service = services.get("team-blue");
  if (service === undefined) throw new Error("there is no such service");
  const pushed = service.change(table({ size: 12 }), spec(TOO_MANY));
  const why = await eventually(
    "the reason",
    async () => {
      const said = await command("team-blue", "why", "service/model-1");
      return said.includes("QUOTA_EXCEEDED") ? said : undefined;
    },
    240_000,
  );
  console.log(why);
  expect(await predict("team-blue", "model-1")).toBe(200);
  expect(await command("team-blue", "status", "model-1")).toContain("QUOTA_EXCEEDED");
  // It waits for what somebody must change no longer than it takes to see it.
  expect(await pushed).toMatch(/version 2 of model-1 can't become ready yet: .*QUOTA_EXCEEDED/);
  await service.call("/services/model-1/rollback", { reason: "the quota is used up" });
  await service.until("the end", ({ rollout }) => rollout?.state === "rolledback");
  await gone("team-blue", "model-1-v2");
});

/** Nothing of that variant is in the cluster. */
async function gone(tenant: string, variant: string): Promise<void> {
  const kinds = [
    "/api/v1/N/pods",
    "/api/v1/N/services",
    "/apis/apps/v1/N/deployments",
    "/apis/apps/v1/N/replicasets",
  ];
  await eventually(`nothing of ${variant} is left`, async () => {
    for (const kind of kinds) {
      const query = { labelSelector: `slipway.dev/variant=${variant}` };
      const path = kind.replace("/N/", `/namespaces/${tenant}/`);
      const { body } = await cluster.send({ method: "GET", path, query });
      if ((body as Listed).items.length > 0) return undefined;
    }
    return true;
  });
}

it("names a model that can't be loaded, with its pod", async () => {
  const service = services.get("team-red");
  if (service === undefined) throw new Error("there is no such service");
  const broken = { ...table(), "model.onnx": "this is no model" };
  await service.change(broken, spec(1));
  await service.until("the end", ({ rollout }) => rollout?.version === 2 && rollout.state === "rolledback");
  const why = await command("team-red", "why", "service/model-0");
  console.log(why);
  expect(why).toMatch(/pod\/team-red\/model-0-v2-\S+/);
  expect(why).toContain("MODEL_LOAD_FAILED");
  await gone("team-red", "model-0-v2");
  expect(await predict("team-red", "model-0")).toBe(200);
  expect(await command("team-red", "history", "model-0")).toContain("version 1");
  expect(await command("team-red", "logs", "service/model-0")).not.toBe("");
});

interface Why {
  chain: { kind: string; name: string; state: string; message: string; log?: string[] }[];
  rootCause: string;
}

/** Without what differs from one platform, or moment, to the next. */
function words(text: string): string {
  return text
    .replaceAll(/\b(ro|pr)-[0-9a-z]{6,}/g, "$1-ID")
    .replaceAll(/tracking run [0-9a-f]+/g, "tracking run ID")
    .replaceAll(/\b[0-9a-f]{8}\b/g, "COMMIT")
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\S*/g, "TIME")
    .replaceAll(/asked by [^,]+,/g, "asked by SOMEBODY,")
    .replaceAll(/\d+ (ms|s|min) ago|just now/g, "AGO")
    .replaceAll(/ +/g, " ");
}

it("says the same as a laptop says of the same project, and beside it what the cluster says", async () => {
  const data = newFolder("laptop");
  const laptop = await startPlatform(data);
  const broken = { ...table(), "model.onnx": "this is no model" };
  const work = await workTree(modelProject("model-0", table(), spec(1)));
  const address = new URL("/git/model-0.git", laptop.url).href;
  const atLaptop = async (...args: string[]): Promise<string> => {
    const { output } = await run(process.execPath, [BIN, ...args, "--url", laptop.url], {
      env: { NO_COLOR: "1" },
    });
    return output;
  };
  const inCluster = (...args: string[]): Promise<string> => command("team-red", ...args);
  try {
    expect((await git(work, "push", address, "HEAD:main")).output).toContain("first champion");
    writeFileSync(join(work, "model", "model.onnx"), broken["model.onnx"]);
    await git(work, "commit", "--quiet", "-a", "-m", "change 1");
    expect((await git(work, "push", address, "HEAD:main")).output).toContain("never got a request");
    for (const args of [["history", "model-0"], ["status"]]) {
      const [here, there] = await Promise.all([atLaptop(...args), inCluster(...args)]);
      expect(words(there), args.join(" ")).toBe(words(here));
    }
    const whys: Why[] = [];
    for (const ask of [atLaptop, inCluster])
      whys.push(JSON.parse(await ask("why", "service/model-0", "--json")) as Why);
    const chains = whys.map(({ chain }) =>
      chain
        .filter(({ kind }) => kind !== "pod")
        .map(({ kind, name, state }) => words(`${kind}/${name} ${state}`)),
    );
    expect(chains[1]).toEqual(chains[0]);
    for (const { rootCause } of whys) expect(rootCause).toContain("ONNX Runtime can't load the model");
    const [, there] = whys;
    expect(there?.chain.find(({ kind }) => kind === "pod")?.log?.join()).toContain("MODEL_LOAD_FAILED");
  } finally {
    await laptop.stop();
    removeFolder(work);
    removeFolder(data);
  }
});
