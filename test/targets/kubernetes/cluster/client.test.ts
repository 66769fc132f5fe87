import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import { FakeApi, failure } from "./fake-api.ts";

const api = new FakeApi();
let url = "";
beforeAll(async () => void (url = await api.start()));
afterAll(() => api.stop());
afterEach(() => {
  api.objects.clear();
  api.intercept = () => undefined;
});

const waits: number[] = [];
const clock = { now: () => 0, sleep: async (ms: number) => void waits.push(ms) };

function clientOf(server: string): ClusterClient {
  const access: ClusterAccess = {
    context: "test",
    server: new URL(server),
    tls: { isInsecure: false },
    user: { token: "t" },
  };
  return new ClusterClient(
    connect(access, { credentials: new Credentials(access, { clock, env: {} }), clock }),
  );
}

const config = (data: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "one" },
  data,
});

test("applies an object and reads it back", async () => {
  const client = clientOf(url);
  api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "one" } });
  expect(await client.apply(config({ a: "1" }))).toMatchObject({ result: "applied" });
  expect(await client.get({ group: "", kind: "ConfigMap", namespace: "one", name: "a" })).toMatchObject({
    data: { a: "1" },
  });
});

test("a dry run changes nothing", async () => {
  const client = clientOf(url);
  api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "one" } });
  await client.apply(config({ a: "1" }), { dryRun: true });
  expect(api.names()).toEqual(["Namespace/one"]);
});

test("says which namespace or kind isn't there", async () => {
  const client = clientOf(url);
  expect(await client.apply(config({}))).toEqual({ result: "no-namespace" });
  const other = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "a" } };
  expect(await client.apply(other)).toEqual({ result: "no-kind" });
});

test("names the owner of a field that ours wants otherwise", async () => {
  const client = clientOf(url);
  api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "one" } });
  api.put({ ...config({ a: "1" }), $owners: { "data.a": "helm" } });
  expect(await client.apply(config({ a: "2" }))).toEqual({
    result: "conflict",
    conflicts: [{ manager: "helm", field: ".data.a" }],
  });
  expect(await client.apply(config({ a: "2" }), { force: true })).toMatchObject({ result: "applied" });
});

test("deletes only the very object that was meant", async () => {
  const client = clientOf(url);
  const made = api.put(config({}));
  const identity = { group: "", kind: "ConfigMap", namespace: "one", name: "a" };
  expect(await client.delete(identity, { uid: "another" })).toBe(false);
  expect(await client.delete(identity, { uid: made.metadata.uid })).toBe(true);
  expect(await client.delete(identity)).toBe(false);
});

test("a missing right names verb, resource and namespace", async () => {
  api.intercept = (method) =>
    method === "PATCH" ? failure(403, "Forbidden", 'configmaps "a" is forbidden') : undefined;
  await expect(clientOf(url).apply(config({}))).rejects.toMatchObject({
    code: "CLUSTER_FORBIDDEN",
    message: "the right is missing to patch configmaps in namespace one",
  });
});

test("a refused token says so", async () => {
  api.intercept = () => failure(401, "Unauthorized", "Unauthorized");
  await expect(clientOf(url).version()).rejects.toMatchObject({ code: "CLUSTER_UNAUTHORIZED" });
});

test("waits longer and longer for a server that is busy, and goes on", async () => {
  waits.length = 0;
  let left = 3;
  api.intercept = () => (left-- > 0 ? failure(429, "TooManyRequests", "slow down") : undefined);
  expect(await clientOf(url).version()).toMatchObject({ gitVersion: "v1.36.3" });
  expect(waits).toEqual([250, 500, 1000]);
});

test("a server that nobody runs is unreachable, with its address and context", async () => {
  const closed = createServer();
  await new Promise<void>((done) => closed.listen(0, "127.0.0.1", done));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  await expect(clientOf(`http://127.0.0.1:${port}`).version()).rejects.toMatchObject({
    code: "CLUSTER_UNREACHABLE",
    facts: { where: "context test", given: `http://127.0.0.1:${port}` },
  });
});
