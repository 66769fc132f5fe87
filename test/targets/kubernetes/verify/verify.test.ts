import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Tenant } from "../../../../src/spec/platform/platform.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { applyPlatform } from "../../../../src/targets/kubernetes/apply/apply.ts";
import { checkCertificates } from "../../../../src/targets/kubernetes/verify/certificates.ts";
import { checkIsolation, verdicts } from "../../../../src/targets/kubernetes/verify/isolation.ts";
import { probeRounds } from "../../../../src/targets/kubernetes/verify/probe-targets.ts";
import { verifyPlatform } from "../../../../src/targets/kubernetes/verify/verify.ts";
import { FakeApi } from "../cluster/fake-api.ts";
import {
  FakeClock,
  clientOf,
  configMap,
  definition,
  deployment,
  namespace,
  renderedOf,
} from "../platform-fixture.ts";

const api = new FakeApi();
let url = "";
let clock = new FakeClock();
beforeAll(async () => void (url = await api.start()));
afterAll(() => api.stop());
beforeEach(() => {
  api.objects.clear();
  api.statusOf = () => undefined;
  clock = new FakeClock();
});

const ids = { hex: () => "0123456789abcdef", sortable: (prefix: string) => prefix };
const deps = () => ({ client: clientOf(url, clock), clock, ids });

const tenant = (name: string): Tenant => ({
  name,
  people: { admins: [], members: [], viewers: [] },
  quota: { cpu: "1", memory: "1Gi", pods: 5, storage: "1Gi" },
  services: [],
  alerts: { latencyP95: 500, errorRate: 0.01 },
});
const service = (name: string, place: string) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: place },
  spec: { ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] },
});
function twoTenants(): Rendered {
  const rendered = renderedOf([service("iris", "b")]);
  const platform = { ...rendered.platform, images: { slipway: "i:1" }, tenants: [tenant("a"), tenant("b")] };
  return { ...rendered, platform };
}

test("tries every TCP port of every other tenant, and the metadata address", () => {
  expect(
    probeRounds(twoTenants()).map(({ tenant: from, targets }) => [
      from,
      targets.map(({ host, port }) => `${host}:${port}`),
    ]),
  ).toEqual([
    ["a", ["iris.b.svc:80", "169.254.169.254:80"]],
    ["b", ["169.254.169.254:80"]],
  ]);
});

test("reports each target blocked or open, and what it couldn't know as unknown", () => {
  const [round] = probeRounds(twoTenants());
  const results = (letters: string) =>
    verdicts(round!, letters).map(({ result, says }) => `${result} ${says}`);
  expect(results("bb")).toEqual(["passed blocked", "passed blocked"]);
  expect(results("or")).toEqual(["failed open", "failed open"]);
  expect(results("nb")[0]).toMatch(/^unknown/);
  expect(results("")).toEqual(["unknown the probe left no answer"]);
});

test("runs the probes as Jobs and takes them away again", async () => {
  for (const name of ["a", "b"]) api.put(namespace(name) as never);
  clock.meanwhile = () => {
    for (const job of [...api.objects.values()].filter(({ kind }) => kind === "Job")) {
      job["status"] = { conditions: [{ type: "Complete", status: "True" }] };
      const { name, namespace: place = "" } = job.metadata;
      api.put({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `${name}-x`, namespace: place, labels: { "batch.kubernetes.io/job-name": name } },
        status: { containerStatuses: [{ state: { terminated: { message: place === "a" ? "ob" : "b" } } }] },
      });
    }
  };
  const checks = await checkIsolation(twoTenants(), { ...deps(), timeoutMs: 60_000 });
  expect(checks.map(({ name, says }) => `${name}: ${says}`)).toEqual([
    "from a to service iris of b (iris.b.svc:80): open",
    "from a to the cloud's metadata address (169.254.169.254:80): blocked",
    "from b to the cloud's metadata address (169.254.169.254:80): blocked",
  ]);
  expect([...api.objects.values()].filter(({ kind }) => kind === "Job")).toEqual([]);
});

test("a probe that never runs is unknown, not blocked", async () => {
  for (const name of ["a", "b"]) api.put(namespace(name) as never);
  const checks = await checkIsolation(twoTenants(), { ...deps(), timeoutMs: 5000 });
  expect(checks.map(({ result }) => result)).toEqual(["unknown", "unknown"]);
});

test("finds certificates that end soon or were never issued", async () => {
  const client = clientOf(url, clock);
  const kind = definition("Certificate");
  kind.metadata.name = "certificates.cert-manager.io";
  Object.assign(kind["spec"] as object, { group: "cert-manager.io" });
  await client.apply(kind);
  const certificate = (name: string, status: object) =>
    api.put({
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: { name, namespace: "slipway" },
      status,
    });
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  const inDays = (days: number) => new Date(clock.now() + days * 86_400_000).toISOString();
  certificate("far", { ...ready, notAfter: inDays(60) });
  certificate("near", { ...ready, notAfter: inDays(3) });
  certificate("none", {});
  const checks = await checkCertificates(client, new Set(["slipway"]), clock.now());
  expect(checks.map(({ name, result, says }) => [name.split("/")[1], result, says])).toEqual([
    ["far", "passed", "ends in 60 days"],
    ["near", "failed", "ends in 3 days and wasn't renewed"],
    ["none", "failed", "isn't issued yet"],
  ]);
});

test("says of each component what of it doesn't work", async () => {
  const rendered = renderedOf([namespace("slipway"), configMap("a", {}), deployment("control", "i:1")]);
  await applyPlatform(
    rendered,
    { timeoutMs: 5000, wait: false },
    { ...deps(), report: () => {}, slipway: "0.2.0" },
  );
  const checks = await verifyPlatform(rendered, { isolation: false, timeoutMs: 1000 }, deps());
  expect(checks).toEqual([
    {
      name: "health of slipway",
      result: "failed",
      says: "Deployment.apps/slipway/control: its controller hasn't seen it yet",
    },
  ]);
});
