import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { ClusterClient } from "../../src/targets/kubernetes/cluster/client.ts";
import type { KubernetesObject } from "../../src/targets/kubernetes/object.ts";
import { Applier } from "../../src/targets/kubernetes/serving/applier.ts";
import { fileOf } from "../../src/targets/kubernetes/serving/branch-state.ts";
import { MANAGED_BY, MANAGER } from "../../src/targets/kubernetes/serving/names.ts";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { makeNamespaces, removeNamespaces } from "./support/objects.ts";

const NAMESPACE = "carrier-test";
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const PATH = `${NAMESPACE}/digits-v1.yaml`;

interface ConfigMap {
  metadata: { uid: string; labels?: Record<string, string> };
  data: Record<string, string>;
}

let cluster: TestCluster;
let applier: Applier;
const stop = new AbortController();

beforeAll(async () => {
  cluster = testCluster();
  await makeNamespaces(cluster, [NAMESPACE]);
  applier = new Applier({
    client: new ClusterClient(cluster.send),
    clock: systemClock,
    signal: stop.signal,
    log: () => undefined,
    kinds: [{ group: "", version: "v1", kind: "ConfigMap" }],
  });
});

afterAll(async () => {
  stop.abort(new Error("the test is over"));
  await removeNamespaces(cluster, [NAMESPACE]);
});

const map = (name: string, value: string): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: NAMESPACE, labels: { [MANAGED_BY]: MANAGER } },
  data: { value },
});
const carryOut = (...objects: KubernetesObject[]) =>
  applier.carryOut("c", objects.length === 0 ? new Map() : new Map([[PATH, fileOf(objects)]]));
const read = (name: string) => cluster.get<ConfigMap>(`${MAPS}/${name}`);

it("leaves what somebody else made under that name as it is, and takes away what it made beside it", async () => {
  const theirs = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "digits-v1" },
    data: { value: "theirs" },
  };
  await cluster.send({ method: "POST", path: MAPS, query: { fieldManager: "kubectl-create" }, body: theirs });
  const before = await read("digits-v1");
  const refused = await carryOut(map("digits-v1", "ours"), map("beside", "ours"));
  expect(refused.get(PATH)).toMatchObject({
    code: "OBJECT_NOT_OURS",
    isFinal: true,
    message: `there is another ConfigMap ${NAMESPACE}/digits-v1, made by kubectl-create; it is left as it is`,
  });
  expect(await read("beside")).toMatchObject({ data: { value: "ours" } });
  await carryOut();
  expect(await read("beside")).toBeUndefined();
  expect(await read("digits-v1")).toEqual(before);
});

it("knows its own, also where somebody took its label off", async () => {
  await carryOut(map("own", "1"));
  await cluster.send({
    method: "PATCH",
    path: `${MAPS}/own`,
    contentType: "application/merge-patch+json",
    body: { metadata: { labels: { [MANAGED_BY]: null } } },
  });
  expect((await carryOut(map("own", "2"))).size).toBe(0);
  expect(await read("own")).toMatchObject({
    data: { value: "2" },
    metadata: { labels: { [MANAGED_BY]: MANAGER } },
  });
  await carryOut();
  expect(await read("own")).toBeUndefined();
});
