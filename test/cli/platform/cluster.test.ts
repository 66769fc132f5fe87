import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FakeApi, failure } from "../../targets/kubernetes/cluster/fake-api.ts";
import { namespace } from "../../targets/kubernetes/platform-fixture.ts";
import { run } from "../run.ts";
import type { Ran } from "../run.ts";

const api = new FakeApi();
let cwd = "";

/** No components: what these make is tested beside them. */
const PLATFORM = `apiVersion: slipway/v1
kind: Platform
name: tiny
kubernetes: { version: "1.36" }
domain: ml.example.com
components: {}
`;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "slipway-platform-cluster-"));
  const server = await api.start();
  await writeFile(join(cwd, "platform.yaml"), PLATFORM);
  await writeFile(join(cwd, "kubeconfig"), kubeconfig(server));
  await writeFile(join(cwd, "closed"), kubeconfig("http://127.0.0.1:1"));
});
afterAll(async () => {
  await api.stop();
  await rm(cwd, { recursive: true });
});
beforeEach(() => {
  api.objects.clear();
  api.intercept = () => undefined;
  api.put(namespace("slipway") as never);
});

function kubeconfig(server: string): string {
  return JSON.stringify({
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: { token: "t" } }],
  });
}

const call = (...args: string[]): Promise<Ran> =>
  run(["platform", ...args], {
    cwd,
    env: { KUBECONFIG: "kubeconfig", HOME: cwd, PATH: process.env.PATH ?? "" },
  });

test("plan says what would change, what is asked for and how the wiring is", async () => {
  const { code, out } = await call("plan");
  expect(out).toContain("0 to create, 0 to change, 0 to delete, 0 unchanged");
  expect(out).toContain("wiring: proven");
  expect(code).toBe(0);
  const { out: json } = await call("plan", "--json");
  expect(JSON.parse(json)).toMatchObject({ ok: true, platform: "tiny", objects: [], findings: [] });
});

test("apply, status, diff, pause, resume and destroy work on one another", async () => {
  expect(await call("status")).toMatchObject({ code: 5 });
  expect(await call("apply")).toMatchObject({
    code: 0,
    out: "tiny: 0 applied, 0 replaced, 0 deleted, 0 unchanged\n",
  });
  expect((await call("status")).out).toMatch(/^tiny: applied by slipway /);
  expect(await call("diff")).toMatchObject({ code: 0 });
  expect(await call("pause", "--reason", "restore")).toMatchObject({ code: 0, out: "tiny holds still\n" });
  const paused = await call("apply");
  expect(paused.code).toBe(4);
  expect(paused.err).toContain("(PLATFORM_PAUSED)");
  expect(await call("resume")).toMatchObject({ code: 0 });
  expect(await call("verify")).toMatchObject({ code: 0 });
  expect(await call("destroy", "--yes")).toMatchObject({ code: 0, out: "tiny: 0 objects are gone\n" });
  expect(api.names()).toEqual(["Namespace/slipway"]);
});

test("destroy touches nothing when nobody is there to be asked", async () => {
  await call("apply");
  const { code, err } = await call("destroy");
  expect(code).toBe(2);
  expect(err).toContain("--yes");
});

test("a cluster that doesn't answer ends with 3", async () => {
  const { code, err } = await call("plan", "--kubeconfig", "closed");
  expect(code).toBe(3);
  expect(err).toContain("(CLUSTER_UNREACHABLE)");
});

test("a missing right ends with 4 and names verb and resource", async () => {
  api.intercept = (method, path) =>
    method === "GET" && path.includes("/configmaps/") ? failure(403, "Forbidden", "no") : undefined;
  const { code, err } = await call("apply");
  expect(code).toBe(4);
  expect(err).toContain("the right is missing to get configmaps in namespace slipway");
});

test("doctor ends with 1 where there is no cluster, and says what to do", async () => {
  const { code, out } = await call("doctor", "--kubeconfig", "absent");
  expect(code).toBe(1);
  expect(out).toContain("FAIL cluster: the kubeconfig doesn't exist");
});

test.each(["plan", "apply", "status", "diff", "verify", "pause", "resume", "destroy", "doctor"])(
  "help of %s has examples and exit codes",
  async (command) => {
    const { out } = await call(command, "--help");
    expect(out).toContain(`slipway platform ${command}`);
    expect(out).toContain("Exit codes: 0 done");
  },
);
