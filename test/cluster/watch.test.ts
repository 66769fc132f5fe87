import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { ClusterClient } from "../../src/targets/kubernetes/cluster/client.ts";
import { watchObjects } from "../../src/targets/kubernetes/cluster/watch.ts";
import type { WatchEvent } from "../../src/targets/kubernetes/cluster/watch.ts";
import { testCluster } from "./support/cluster.ts";

const NAMESPACE = "watch-test";
const cluster = testCluster();
const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const stop = new AbortController();

beforeAll(async () => {
  await cluster.send({
    method: "POST",
    path: "/api/v1/namespaces",
    body: { metadata: { name: NAMESPACE } },
  });
});
afterAll(async () => {
  stop.abort();
  await cluster.send({ method: "DELETE", path: `/api/v1/namespaces/${NAMESPACE}` });
});

const configMap = (name: string) => ({ metadata: { name, labels: { watched: "yes" } }, data: { a: "1" } });
const make = (name: string) => cluster.send({ method: "POST", path, body: configMap(name) });

it("tells what is there and what changes, and only what was selected", async () => {
  await make("before");
  const events = watchObjects(
    { client: new ClusterClient(cluster.send), open: cluster.open, clock: systemClock },
    { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, labelSelector: "watched=yes" },
    stop.signal,
  );
  const next = async () => said((await events.next()).value as WatchEvent);
  expect(await next()).toBe("listed before");
  await cluster.send({ method: "POST", path, body: { metadata: { name: "other" } } });
  await make("after");
  expect(await next()).toBe("added after");
  await cluster.send({
    method: "PATCH",
    path: `${path}/after`,
    contentType: "application/merge-patch+json",
    body: { data: { a: "2" } },
  });
  expect(await next()).toBe("modified after");
  await cluster.send({ method: "DELETE", path: `${path}/before` });
  expect(await next()).toBe("deleted before");
  stop.abort();
  expect((await events.next()).done).toBe(true);
});

it("takes up a watch at an old version that the server refuses by listing anew", async () => {
  const again = new AbortController();
  let isFirst = true;
  const events = watchObjects(
    {
      client: new ClusterClient(cluster.send),
      // A version that the server never had: it answers as to one that it has forgotten.
      open: (request) => {
        const query = isFirst ? { ...request.query, resourceVersion: "1" } : request.query;
        isFirst = false;
        return cluster.open({ ...request, ...(query === undefined ? {} : { query }) });
      },
      clock: systemClock,
    },
    { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, labelSelector: "watched=yes" },
    again.signal,
  );
  expect(said((await events.next()).value as WatchEvent)).toBe("listed after");
  await make("later");
  const seen: string[] = [];
  while (!seen.includes("added later") && !seen.includes("listed after,later"))
    seen.push(said((await events.next()).value as WatchEvent));
  again.abort();
});

function said(event: WatchEvent): string {
  if (event.type !== "listed") return `${event.type} ${event.object.metadata.name}`;
  const names = event.objects.map(({ metadata }) => metadata.name);
  return `listed ${names.sort().join(",")}`;
}
