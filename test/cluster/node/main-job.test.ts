import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, git, removeFolder } from "../../e2e/platform.ts";
import { ADDER, modelProject, workTree } from "../../e2e/projects.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { testImage } from "./support/pods.ts";

const NAMESPACE = "main-job";

interface Service {
  champion: { version: number } | null;
}

interface Pods {
  items: { metadata: { name: string }; spec: { containers: { name: string; image: string }[] } }[];
}

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let platform: ClusterPlatform;
let work: string;

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  platform = await startClusterPlatform(cluster, NAMESPACE);
  work = await workTree(modelProject("adder", ADDER));
});

afterAll(async () => {
  await platform?.remove();
  await argo?.remove();
  if (work) removeFolder(work);
});

async function call(path: string, body?: string): Promise<Response> {
  return fetch(platform.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(20_000),
    ...(body === undefined ? {} : { body }),
  });
}

/** Those of the default tenant, told as what they are. */
async function pods(): Promise<string[]> {
  const list = await cluster.get<Pods>(`/api/v1/namespaces/${tenantNamespace(NAMESPACE)}/pods`);
  return (list?.items ?? []).map(({ metadata, spec }) => {
    const images = spec.containers.map(({ name, image }) => `${name} of ${image}`);
    return `${metadata.name}: ${images.join(", ")}`;
  });
}

it("answers at one address in front of its pods", async () => {
  expect((await call("/health")).status).toBe(200);
  expect((await call("/api/slipway/v1/info")).status).toBe(200);
});

it("trains what is pushed in a pod, and answers with it from another one", async () => {
  const address = new URL("/git/adder.git", platform.url);
  Object.assign(address, { username: "token", password: platform.token });
  const pushed = await git(work, "push", address.href, "HEAD:main");
  expect(pushed.output).toContain("first champion");
  await eventually("a champion", async () => {
    const service = (await (await call("/api/slipway/v1/services/adder")).json()) as Service;
    return service.champion?.version === 1 ? service : undefined;
  });
  const summand = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
  const body = JSON.stringify({ inputs: [summand("a"), summand("b")] });
  const answer = await call("/v2/models/adder/infer", body);
  expect(answer.headers.get("x-slipway-variant")).toBe("1");
  expect(await answer.json()).toMatchObject({ outputs: [{ name: "sum", data: [2, 4] }] });
  const seen = await pods();
  console.log(seen.join("\n"));
  for (const role of ["step-upload", "adder-v1"])
    expect(seen.find((one) => one.includes(role))).toContain(`of ${testImage()}`);
});
