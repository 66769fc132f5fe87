import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { applyPlatform } from "../../../../src/targets/kubernetes/apply/apply.ts";
import { checkCluster } from "../../../../src/targets/kubernetes/doctor/cluster.ts";
import { checkMachine } from "../../../../src/targets/kubernetes/doctor/machine.ts";
import { FakeApi, failure } from "../cluster/fake-api.ts";
import { FakeClock, clientOf, definition, deployment, namespace, renderedOf } from "../platform-fixture.ts";

const api = new FakeApi();
let url = "";
beforeAll(async () => void (url = await api.start()));
afterAll(() => api.stop());
beforeEach(() => {
  api.objects.clear();
  api.intercept = () => undefined;
});

const whole = () => renderedOf([namespace("slipway"), deployment("control", "i:1"), definition("Thing")]);
const node = (cpu: string, architecture = "amd64") => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: `node-${cpu}-${architecture}` },
  status: { allocatable: { cpu, memory: "16Gi", pods: "110" }, nodeInfo: { architecture } },
});
const look = async () => {
  const checks = await checkCluster(clientOf(url, new FakeClock()), whole());
  return new Map(checks.map((check) => [check.name, check]));
};

test("a cluster that fits passes", async () => {
  api.put(node("4"));
  const results = [...(await look()).values()].map(({ result }) => result);
  expect(new Set(results)).toEqual(new Set(["passed"]));
});

test("says what is too small, and that nodes differ", async () => {
  api.put(node("500m"));
  api.put(node("100m", "arm64"));
  const checks = await look();
  expect(checks.get("capacity")).toMatchObject({
    result: "failed",
    says: "1 cores are asked for, 0.6 are free",
  });
  expect(checks.get("architecture")).toMatchObject({ result: "warning", says: "nodes differ: amd64, arm64" });
});

test("names a definition that somebody else brought", async () => {
  api.put({
    ...definition("Thing"),
    metadata: { name: "things.example.com", annotations: { "meta.helm.sh/release-name": "things" } },
  } as never);
  expect((await look()).get("definitions of others")).toMatchObject({
    result: "failed",
    says: "things.example.com of Helm release things",
  });
});

test("names other platforms of ours", async () => {
  const other = renderedOf([namespace("slipway")], "other");
  const ids = { hex: () => "run", sortable: (prefix: string) => prefix };
  const clock = new FakeClock();
  const client = clientOf(url, clock);
  await applyPlatform(
    other,
    { timeoutMs: 1000, wait: false },
    { client, clock, ids, report: () => {}, slipway: "0.1.0" },
  );
  expect((await look()).get("other platforms")).toMatchObject({
    result: "warning",
    says: "other in slipway (slipway 0.1.0)",
  });
});

test("names every right that is missing", async () => {
  api.intercept = (_, path, body) => {
    const { resource, verb } =
      ((body["spec"] ?? {}) as { resourceAttributes?: Record<string, string> }).resourceAttributes ?? {};
    const isRefused =
      path.endsWith("selfsubjectaccessreviews") && resource === "deployments" && verb === "delete";
    return isRefused ? { status: 201, body: { status: { allowed: false } } } : undefined;
  };
  expect((await look()).get("rights")).toMatchObject({
    result: "failed",
    says: "missing: delete deployments.apps in slipway",
  });
});

test("a cluster that lets nobody in is a finding, not a crash", async () => {
  api.intercept = () => failure(401, "Unauthorized", "Unauthorized");
  expect((await look()).get("cluster")).toMatchObject({ result: "failed" });
});

test("looks at this machine", async () => {
  const names = (await checkMachine({ PATH: process.env["PATH"] })).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["machine", "git", "helm", "kubectl"]));
});
