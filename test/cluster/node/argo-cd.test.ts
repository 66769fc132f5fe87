import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { environmentUrl } from "../../../src/targets/kubernetes/components/argo-cd/models.ts";
import {
  ASKED,
  REFRESH,
  type Application,
} from "../../../src/targets/kubernetes/serving/argo-cd/application.ts";
import { eventually, git, newFolder, removeFolder } from "../../e2e/platform.ts";
import { ADDER, modelProject, workTree } from "../../e2e/projects.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installArgoCd, repositorySecret, type InstalledArgoCd } from "./support/argo-cd.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { make } from "./support/pods.ts";

const NAMESPACE = "gitops";
const PLACE = tenantNamespace(NAMESPACE);
const APPLICATION = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/slipway-models";
const POLICIES = "/apis/admissionregistration.k8s.io/v1";
const LONG_MS = 240_000;

interface Service {
  champion: { version: number } | null;
  challenger: { version: number } | null;
}

interface Managed {
  metadata: { uid: string; managedFields: { manager: string }[]; annotations: Record<string, string> };
  spec: { replicas: number };
}

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let argoCd: InstalledArgoCd;
let platform: ClusterPlatform;
let work: string;
let environment: string;
const rollouts = "rollout: { steps: [50], deadline: 30m }\n";

beforeAll(async () => {
  cluster = testCluster();
  [argo, argoCd] = await Promise.all([installArgoWorkflows(cluster), installArgoCd(cluster)]);
  platform = await startClusterPlatform(cluster, NAMESPACE, { control: 1, serve: 2 }, { hasArgoCd: true });
  const { token } = (await (
    await call(
      "/api/slipway/v1/tokens",
      JSON.stringify({ name: "argocd", tenant: "default", role: "viewer", scopes: ["git"] }),
    )
  ).json()) as { token: string };
  await make(cluster, repositorySecret(environmentUrl(`http://slipway.${NAMESPACE}.svc:4600`), token));
  work = await workTree(modelProject("adder", ADDER, rollouts));
}, 600_000);

afterAll(async () => {
  for (const kind of ["validatingadmissionpolicybindings", "validatingadmissionpolicies"])
    await cluster.send({ method: "DELETE", path: `${POLICIES}/${kind}/slipway-models` });
  await platform?.remove();
  await argoCd?.remove();
  await argo?.remove();
  for (const folder of [work, environment]) if (folder) removeFolder(folder);
}, 300_000);

async function call(path: string, body?: string): Promise<Response> {
  return fetch(platform.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(20_000),
    ...(body === undefined ? {} : { body }),
  });
}

function address(repository: string): string {
  const url = new URL(`/git/${repository}.git`, platform.url);
  return Object.assign(url, { username: "token", password: platform.token }).href;
}

const service = async (): Promise<Service> =>
  (await (await call("/api/slipway/v1/services/adder")).json()) as Service;

const serves = (champion: number, challenger?: number): Promise<Service> =>
  eventually(
    `version ${champion} as champion and ${challenger ?? "none"} beside it`,
    async () => {
      const found = await service();
      const isSo = found.champion?.version === champion && found.challenger?.version === challenger;
      return isSo ? found : undefined;
    },
    LONG_MS,
  );

async function answeredBy(): Promise<string> {
  const summand = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
  const answer = await call(
    "/v2/models/adder/infer",
    JSON.stringify({ inputs: [summand("a"), summand("b")] }),
  );
  await answer.arrayBuffer();
  return `${answer.status} ${answer.headers.get("x-slipway-variant")}`;
}

const deployment = (version: number) =>
  cluster.get<Managed>(`/apis/apps/v1/namespaces/${PLACE}/deployments/adder-v${version}`);

const gone = (version: number): Promise<true> =>
  becomesTrue(`no Deployment of version ${version}`, async () => (await deployment(version)) === undefined);

/** The branch of people, as it stands. */
async function checkedOut(): Promise<string> {
  if (!environment) {
    environment = newFolder("environment");
    await git(environment, "clone", "--quiet", address("environment"), ".");
  }
  await git(environment, "pull", "--quiet", "origin", "main");
  return environment;
}

async function revert(): Promise<void> {
  const folder = await checkedOut();
  expect((await git(folder, "revert", "--no-edit", "HEAD")).code).toBe(0);
  const pushed = await git(folder, "push", "origin", "HEAD:main");
  expect(pushed.code, pushed.output).toBe(0);
}

async function pushVersion(): Promise<void> {
  appendFileSync(join(work, "README.md"), "again\n");
  await git(work, "add", "README.md");
  await git(work, "commit", "--quiet", "-m", "another version");
  const pushed = await git(work, "push", address("adder"), "HEAD:main");
  expect(pushed.code, pushed.output).toBe(0);
}

/** Says how long it takes from what is done to when it shows. */
async function timed(what: string, act: () => Promise<unknown>, isSo: () => Promise<boolean>): Promise<void> {
  const began = performance.now();
  await act();
  await becomesTrue(what, isSo);
  console.log(`${what}: ${((performance.now() - began) / 1_000).toFixed(2)} s`);
}

function becomesTrue(what: string, isSo: () => Promise<boolean>): Promise<true> {
  return eventually(what, async () => (await isSo()) || undefined, LONG_MS);
}

it("makes nothing of a version by itself: Argo CD carries it out, and it serves", async () => {
  // Time from the request to look, which follows the commit at once, to when what it says is in force.
  const seen = new Map<string, number>();
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const app = await cluster.get<Application>(APPLICATION).catch(() => undefined);
      const asked = app?.metadata.annotations?.[ASKED];
      const { operationState, sync } = app?.status ?? {};
      const isIn =
        operationState?.phase === "Succeeded" && operationState.syncResult?.revision === sync?.revision;
      const key = `${asked?.split(" ")[0]} ${sync?.revision}`;
      const isNew = ![...seen.keys()].some((other) => other.endsWith(` ${sync?.revision}`));
      if (asked !== undefined && isIn && isNew) seen.set(key, Date.now() - Number(asked.split(" ")[0]));
      await sleep(25);
    }
  })();
  const pushed = await git(work, "push", address("adder"), "HEAD:main");
  expect(pushed.output).toContain("first champion");
  await serves(1);
  over.abort();
  await watching;
  console.log(`from the request to in force: ${[...seen.values()].map((ms) => `${ms} ms`).join(", ")}`);
  expect(await answeredBy()).toBe("200 1");
  const made = await deployment(1);
  const managers = new Set(made?.metadata.managedFields.map(({ manager }) => manager));
  expect([...managers]).toContain("argocd-controller");
  expect([...managers]).not.toContain("slipway-control");
  expect(made?.metadata.annotations["argocd.argoproj.io/tracking-id"]).toMatch(/^slipway-models:/);
});

it("leaves it to control how many pods a version has that nobody asks", async () => {
  const spec = "serving: { scale: { min: 0, idle: 5s }, timeout: 60s }\nrollout: { steps: [50] }\n";
  const folder = await workTree(modelProject("sleeper", ADDER, spec));
  try {
    const pushed = await git(folder, "push", address("sleeper"), "HEAD:main");
    expect(pushed.code, pushed.output).toBe(0);
  } finally {
    removeFolder(folder);
  }
  const path = `/apis/apps/v1/namespaces/${PLACE}/deployments/sleeper-v1`;
  const replicas = async () => (await cluster.get<Managed>(path))?.spec.replicas;
  await becomesTrue("no replicas", async () => (await replicas()) === 0);
  // Everything is read and compared anew, and what differs from Git would be put back.
  await cluster.send({
    method: "PATCH",
    path: APPLICATION,
    contentType: "application/merge-patch+json",
    body: { metadata: { annotations: { [REFRESH]: "hard" } } },
  });
  await becomesTrue("a refresh", async () => {
    const app = await cluster.get<Application>(APPLICATION);
    return app?.metadata.annotations?.[REFRESH] === undefined && app?.status?.sync?.status === "Synced";
  });
  expect(await replicas()).toBe(0);
  const summand = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
  const body = JSON.stringify({ inputs: [summand("a"), summand("b")] });
  const answer = await fetch(`${platform.url}/v2/models/sleeper/infer`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(90_000),
    body,
  });
  expect(answer.status, await answer.text()).toBe(200);
  expect(await replicas()).toBe(1);
  await becomesTrue("no replicas again", async () => (await replicas()) === 0);
});

it("couldn't make anything by itself, nor change the Application", async () => {
  const user = `system:serviceaccount:${NAMESPACE}:slipway-control`;
  const may = async (verb: string, group: string, resource: string): Promise<boolean> => {
    const { body } = await cluster.send({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, resourceAttributes: { verb, group, resource, namespace: PLACE } },
      },
    });
    return (body as { status: { allowed: boolean } }).status.allowed;
  };
  for (const verb of ["create", "patch", "delete"]) {
    expect(await may(verb, "apps", "deployments")).toBe(false);
    expect(await may(verb, "", "services")).toBe(false);
  }
  expect(await may("list", "", "pods")).toBe(true);
});

it("puts back what somebody changes by hand", async () => {
  const path = `/apis/apps/v1/namespaces/${PLACE}/deployments/adder-v1`;
  const patch = (body: object) =>
    cluster.send({ method: "PATCH", path, contentType: "application/merge-patch+json", body });
  await timed(
    "other replicas put back",
    () => patch({ spec: { replicas: 2 } }),
    async () => (await deployment(1))?.spec.replicas === 1,
  );
  const headless = `/api/v1/namespaces/${PLACE}/services/adder-v1`;
  const before = await cluster.get<Managed>(headless);
  await timed(
    "a deleted Service made again",
    () => cluster.send({ method: "DELETE", path: headless }),
    async () => {
      const now = await cluster.get<Managed>(headless);
      return now !== undefined && now.metadata.uid !== before?.metadata.uid;
    },
  );
  expect(await answeredBy()).toBe("200 1");
});

it("carries a challenger, and takes it away when a person reverts by Git", async () => {
  await pushVersion();
  await serves(1, 2);
  expect(await deployment(2)).toBeDefined();
  await timed("version 2 pruned after a revert", revert, async () => (await deployment(2)) === undefined);
  await serves(1);
  expect(await answeredBy()).toBe("200 1");
});

it("carries what a person writes into the service's file, and its revert", async () => {
  const folder = await checkedOut();
  const file = join(folder, "services", "adder.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace(/version: 1$/m, "version: 2"));
  await git(folder, "commit", "--quiet", "-am", "version 2 by hand");
  await timed(
    "a pushed service file in force",
    () => git(folder, "push", "origin", "HEAD:main"),
    async () => (await answeredBy()) === "200 2",
  );
  await serves(2);
  await timed("its revert in force", revert, async () => (await answeredBy()) === "200 1");
  await serves(1);
  await gone(2);
});

it("stops a challenger while Argo CD is away, which takes it away when it is back", async () => {
  await pushVersion();
  const version = await eventually(
    "a challenger",
    async () => (await service()).challenger?.version,
    LONG_MS,
  );
  await argoCd.stop();
  await timed(
    "a challenger stopped without Argo CD",
    () => call("/api/slipway/v1/services/adder/rollback", JSON.stringify({ reason: "wrong" })),
    async () => (await service()).challenger === null,
  );
  for (let i = 0; i < 20; i++) expect(await answeredBy()).toBe("200 1");
  // Its objects are still there: nobody else removes them.
  expect(await deployment(version)).toBeDefined();
  await argoCd.start();
  await gone(version);
  expect(await answeredBy()).toBe("200 1");
});
