import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { stringify } from "yaml";
import { TRAEFIK } from "../../../src/targets/kubernetes/components/gateway/traefik.ts";
import { eventually, git, removeFolder, run } from "../../e2e/platform.ts";
import { TABLE, workTree } from "../../e2e/projects.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { slipway } from "../support/command.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { changePods, refuse } from "./support/policies.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { becomes, make, testImage } from "./support/pods.ts";
import { ClusterService } from "./support/service.ts";

const NAMESPACE = "causes";
const TENANT = tenantNamespace(NAMESPACE);
const SERVICE = "table";
const SPEC = "serving: { resources: { cpu: 0.1 } }\nrollout: { kind: instant }\n";
/** What is asked for again and again, and can't become ready. */
const VARIANT = { "slipway.dev/variant": `${SERVICE}-v1` };
const MODEL_PODS = { namespace: TENANT, labels: VARIANT };
const BIN = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "bin", "slipway");
const ABSENT = "slipway.invalid/none:1";
const WAITED_MS = 90_000;
/** Of a step that can't begin. */
const TIMEOUT_S = 15;

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let platform: ClusterPlatform;
let service: ClusterService;
const undo: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  platform = await startClusterPlatform(cluster, NAMESPACE, { control: 1, serve: 1 });
  service = await ClusterService.create(platform, SERVICE, TABLE, SPEC);
  await service.push();
  await service.until("its champion", ({ champion }) => champion?.version === 1);
  // The same model once more, as a client registers it: what differs is which of them the cluster doesn't take.
  const { model_version: first } = await mlflow<{ model_version: { source: string; run_id: string } }>(
    `model-versions/get?name=${SERVICE}&version=1`,
  );
  await mlflow("model-versions/create", { name: SERVICE, source: first.source, run_id: first.run_id });
  await askFor(2);
  await service.until(
    "its champion",
    ({ champion, rollout }) => champion?.version === 2 && rollout?.state === "promoted",
  );
  await gone();
});

afterEach(async () => {
  // In the other order: what was made last may need what came before it.
  for (const one of undo.splice(0).reverse()) await one();
});

afterAll(async () => {
  service?.remove();
  await platform?.remove();
  await argo?.remove();
});

/** The image of these containers is one that nobody has. */
function imageOf(...containers: number[]): string {
  const changes = containers.map(
    (index) => `JSONPatch{op: "replace", path: "/spec/containers/${index}/image", value: "${ABSENT}"}`,
  );
  return `[${changes.join(", ")}]`;
}

/** The real command. */
async function command(...args: string[]): Promise<string> {
  const env = { SLIPWAY_TOKEN: platform.token, NO_COLOR: "1" };
  const { output } = await run(process.execPath, [BIN, ...args, "--url", platform.url], { env });
  return output;
}

async function predict(): Promise<{ status: number; variant: string | null }> {
  const inputs = [{ name: "index", shape: [1], datatype: "INT64", data: [3] }];
  const answer = await fetch(`${platform.url}/v2/models/${SERVICE}/infer`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify({ inputs }),
    signal: AbortSignal.timeout(20_000),
  });
  await answer.text();
  return { status: answer.status, variant: answer.headers.get("x-slipway-variant") };
}

async function mlflow<Answer>(path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${platform.url}/api/2.0/mlflow/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(20_000),
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  expect(answer.status, `${path}: ${text}`).toBe(200);
  return JSON.parse(text) as Answer;
}

/** Asks, as a client of the registry, that a version be champion. */
async function askFor(version: number): Promise<void> {
  const before = (await service.view()).rollout?.id;
  await mlflow("registered-models/alias", { name: SERVICE, alias: "champion", version: String(version) });
  await service.until("its rollout", ({ rollout }) => rollout?.id !== before);
}

/** What `why` says as soon as it names the cause. */
function told(subject: string, code: string): Promise<string> {
  return eventually(
    `${code} of ${subject}`,
    async () => {
      const said = await command("why", subject);
      if (!said.includes(code)) return undefined;
      console.log(said);
      return said;
    },
    WAITED_MS,
  );
}

/** Nothing of version 1 is in the cluster. */
async function gone(): Promise<void> {
  const kinds = [
    "/api/v1/namespaces/N/pods",
    "/api/v1/namespaces/N/services",
    "/apis/apps/v1/namespaces/N/deployments",
    "/apis/apps/v1/namespaces/N/replicasets",
    "/apis/autoscaling/v2/namespaces/N/horizontalpodautoscalers",
  ];
  await eventually("nothing of version 1 is left", async () => {
    for (const path of kinds) {
      const query = { labelSelector: `slipway.dev/variant=${VARIANT["slipway.dev/variant"]}` };
      const { body } = await cluster.send({ method: "GET", path: path.replace("/N/", `/${TENANT}/`), query });
      if ((body as { items: unknown[] }).items.length > 0) return undefined;
    }
    return true;
  });
}

/** The rollout waits, with its cause; taken back, nothing of it is left, and who called was served by the champion. */
async function waits(code: string): Promise<string> {
  await askFor(1);
  const said = await told(`service/${SERVICE}`, code);
  expect((await service.view()).rollout?.state).toBe("checking");
  expect(await predict()).toEqual({ status: 200, variant: "2" });
  await service.call(`/services/${SERVICE}/rollback`, { reason: code });
  await ended();
  return said;
}

async function ended(): Promise<void> {
  const now = await service.until(
    "its end",
    ({ rollout }) => rollout?.version === 1 && rollout.state === "rolledback",
  );
  expect(now.champion?.version).toBe(2);
  await gone();
  expect(await predict()).toEqual({ status: 200, variant: "2" });
}

it.each([
  ["IMAGE_NOT_PULLED", imageOf(0)],
  ["POD_CRASHED", '[JSONPatch{op: "replace", path: "/spec/containers/0/args", value: ["--role=none"]}]'],
  [
    "POD_UNSCHEDULABLE",
    '[JSONPatch{op: "replace", path: "/spec/containers/0/resources/requests/cpu", value: "1000"}]',
  ],
])("names %s of a model's pod", async (code, change) => {
  undo.push(await changePods(cluster, MODEL_PODS, change));
  const said = await waits(code);
  expect(said).toMatch(new RegExp(`pod/${TENANT}/${SERVICE}-v1-`));
});

it("names VOLUME_PENDING of a model's pod, and of a step's", async () => {
  await make(cluster, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "late", namespace: TENANT },
    spec: {
      storageClassName: "nobody",
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Mi" } },
    },
  });
  const volume =
    'Object.spec.volumes{name: "late", persistentVolumeClaim: Object.spec.volumes.persistentVolumeClaim{claimName: "late"}}';
  const change = `[JSONPatch{op: "add", path: "/spec/volumes/-", value: ${volume}}]`;
  undo.push(await changePods(cluster, MODEL_PODS, change));
  const labels = { "slipway.dev/step": "volume" };
  undo.push(await changePods(cluster, { namespace: TENANT, labels }, change));
  const step = fails("volume", "STEP_VOLUME_PENDING");
  await waits("VOLUME_PENDING");
  await step;
});

it("names OBJECT_REFUSED of what a policy doesn't let in, and goes back by itself where that is final", async () => {
  undo.push(await refuse(cluster, { ...MODEL_PODS, resource: "deployments" }, "models need an owner"));
  await askFor(1);
  await ended();
  expect(await told(`service/${SERVICE}`, "OBJECT_REFUSED")).toContain("the cluster refuses Deployment");
});

it("names OBJECT_REFUSED of pods that a policy doesn't let in", async () => {
  undo.push(await refuse(cluster, MODEL_PODS, "pods need an owner"));
  expect(await waits("OBJECT_REFUSED")).toContain("pods need an owner");
});

it("leaves somebody else's object of that name alone", async () => {
  const path = `/apis/apps/v1/namespaces/${TENANT}/deployments`;
  const labels = { app: "theirs" };
  const body = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: `${SERVICE}-v1`, namespace: TENANT },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "theirs", image: testImage() }] } },
    },
  };
  const made = await cluster.send({ method: "POST", path, query: { fieldManager: "kubectl-create" }, body });
  expect(made.status).toBe(201);
  undo.push(async () => void (await cluster.send({ method: "DELETE", path: `${path}/${SERVICE}-v1` })));
  await askFor(1);
  await ended();
  expect(await told(`service/${SERVICE}`, "made by kubectl-create")).toContain("VARIANT_NOT_READY");
  const theirs = await cluster.get<typeof body>(`${path}/${SERVICE}-v1`);
  expect(theirs?.spec.template.spec.containers[0]?.name).toBe("theirs");
});

interface Runs {
  pipelineRuns: {
    id: string;
    project: string;
    state: string;
    code: string | null;
    startedAt: number;
    finishedAt: number;
  }[];
}

/** A project whose one step is called as the project is; answers what `why` says of its pipeline run, which failed. */
async function fails(name: string, code: string, step = ""): Promise<string> {
  const files = {
    "slipway.yaml": `apiVersion: slipway/v1
kind: Project
name: ${name}
pipeline: { steps: [{ name: ${name}, run: "node step.mjs", timeout: ${TIMEOUT_S}s${step} }] }
`,
    "step.mjs":
      'const all = [];\nconsole.log("begins");\nfor (;;) all.push(Buffer.alloc(32 * 2 ** 20, 1));\n',
  };
  const work = await workTree(files);
  try {
    const address = new URL(`/git/${name}.git`, platform.url);
    Object.assign(address, { username: "token", password: platform.token });
    const pushed = await git(work, "push", address.href, "HEAD:main");
    expect(pushed.code, pushed.output).toBe(0);
    expect(pushed.output).toContain("why run/");
  } finally {
    removeFolder(work);
  }
  const found = await eventually("its pipeline run's end", async () => {
    const { pipelineRuns } = await service.call<Runs>("/pipeline-runs?limit=20");
    return pipelineRuns.find(({ project, state }) => project === name && state !== "running");
  });
  expect(found).toMatchObject({ state: "failed", code });
  const said = await told(`run/${found.id}`, code);
  await eventually("no pod of it waits or runs", async () => {
    const query = { labelSelector: `slipway.dev/pipeline-run=${found.id}` };
    const path = `/api/v1/namespaces/${TENANT}/pods`;
    const { items } = (await cluster.send({ method: "GET", path, query })).body as {
      items: { status?: { phase?: string } }[];
    };
    return items.every(({ status }) => ["Failed", "Succeeded"].includes(status?.phase ?? ""))
      ? true
      : undefined;
  });
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${TENANT}/workflows/${found.id}`;
  // Argo looks at it in its own time.
  await becomes<{ status?: { phase?: string } }>(cluster, path, ({ status }) => status?.phase === "Failed");
  return said;
}

/** What `why` says of a project's pipeline run while it goes on. */
function explained(project: string, wanted: RegExp): Promise<string> {
  return eventually(
    `what keeps ${project}`,
    async () => {
      const { pipelineRuns } = await service.call<Runs>("/pipeline-runs?limit=20");
      const found = pipelineRuns.find((one) => one.project === project);
      const said = found === undefined ? "" : await command("why", `run/${found.id}`);
      return wanted.test(said) ? said : undefined;
    },
    WAITED_MS,
  );
}

it("fails a step that no node has room for, whose image can't be pulled, or that takes too much memory", async () => {
  const labels = { "slipway.dev/step": "image" };
  // Which of its two containers is the step's is Argo's matter.
  undo.push(await changePods(cluster, { namespace: TENANT, labels }, imageOf(0, 1)));
  const [early, room, image, memory] = await Promise.all([
    explained("room", /is preparing: .*STEP_UNSCHEDULABLE/s),
    fails("room", "STEP_UNSCHEDULABLE", ", resources: { cpu: 900 }"),
    fails("image", "STEP_IMAGE_UNAVAILABLE"),
    fails("memory", "STEP_OUT_OF_MEMORY", ", resources: { memory: 64Mi }"),
  ]);
  expect(early).toContain(`pod/${TENANT}/`);
  expect(room).toContain("Insufficient cpu");
  expect(image).toContain(ABSENT);
  expect(memory).toContain("begins");
});

async function minorVersion(): Promise<string> {
  const { minor = "" } = (await cluster.get<{ minor: string }>("/version")) ?? {};
  return `1.${Number.parseInt(minor, 10)}`;
}

it("refuses a cluster of another version than the file's, before anything is touched", async () => {
  platform.change({ kubernetes: `1.${Number((await minorVersion()).slice(2)) + 1}` });
  for (const step of ["plan", "apply"]) {
    const { code, stdout, stderr } = await platform.run(step);
    console.log(stderr);
    expect(code, stdout).not.toBe(0);
    expect(stderr).toContain("KUBERNETES_UNFIT");
  }
});

it("says in a platform's status why its pods aren't there, and that no controller has taken its Gateway", async () => {
  undo.push(await changePods(cluster, { labels: TRAEFIK.labels }, imageOf(0)));
  const version = await minorVersion();
  const folder = mkdtempSync(join(tmpdir(), "slipway-gateway-"));
  undo.push(async () => rmSync(folder, { recursive: true, force: true }));
  const charts = fileURLToPath(new URL("../../../examples/platforms/charts", import.meta.url));
  const isWanted = (path: string): boolean => path.endsWith("charts") || path.includes("/gateway-api-");
  cpSync(charts, join(folder, "charts"), { recursive: true, filter: isWanted });
  const file = join(folder, "platform.yaml");
  writeFileSync(
    file,
    stringify({
      apiVersion: "slipway/v1",
      kind: "Platform",
      name: "no-gateway",
      namespace: "no-gateway",
      kubernetes: { version },
      domain: "ml.example.com",
      components: { gateway: { replicas: 1, service: "ClusterIP" } },
    }),
  );
  const ask = (...args: string[]) => slipway(cluster.kubeconfig, ["platform", ...args, "-f", file]);
  undo.push(async () => void (await ask("destroy", "--yes")));
  const applied = await ask("apply", "--timeout", "12s");
  expect(applied.code, applied.stdout).not.toBe(0);
  expect(applied.stderr).toContain("PLATFORM_NOT_READY");
  const { stdout } = await ask("status");
  console.log(stdout);
  expect(stdout).toMatch(/Deployment\S+traefik: .*IMAGE_NOT_PULLED/);
  expect(stdout).toMatch(/Gateway\S+platform: .*NO_CONTROLLER/);
});
