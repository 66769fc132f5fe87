import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "./cluster.ts";
import { listable } from "./resources.ts";

/** Everything in a cluster: what it is called, and its contents as text. */
export type Listing = ReadonlyMap<string, string>;

/** Comes and goes by itself. */
const RESTLESS = new Set(["Event", "Lease", "IPAddress"]);
/** What an API server writes down of each object anew. */
const VOLATILE = new Set(["resourceVersion", "managedFields", "uid", "creationTimestamp", "generation"]);

/** Lists every object of every kind that the server has, without what changes by itself. */
export async function listing(cluster: TestCluster): Promise<Listing> {
  const resources = (await listable(cluster)).filter(({ kind }) => !RESTLESS.has(kind));
  const all = await Promise.all(
    resources.map(async ({ apiVersion, kind, path }) => {
      const list = await cluster.get<{ items: KubernetesObject[] }>(path);
      return (list?.items ?? [])
        .filter((item) => isSomebodys(kind, item))
        .map((item): [string, string] => {
          const { namespace = "", name } = item.metadata;
          return [`${apiVersion} ${kind} ${namespace}/${name}`, contents(item)];
        });
    }),
  );
  return new Map(all.flat().sort(([a], [b]) => a.localeCompare(b)));
}

/** What there is more, less or otherwise in the second one, one line each. */
export function differences(before: Listing, after: Listing): string[] {
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => `gone: ${key}`);
  const come = [...after.keys()].filter((key) => !before.has(key)).map((key) => `new: ${key}`);
  const changed = [...before].flatMap(([key, text]) => {
    const now = after.get(key);
    return now === undefined || now === text ? [] : [`changed: ${key}\n  ${text}\n  ${now}`];
  });
  return [...gone, ...come, ...changed];
}

/** What controllers make of what was applied, and the notes that we keep: nobody asked for these. */
const FOLLOWS: readonly RegExp[] = [
  /^v1 (Pod|Endpoints) /,
  /^v1 ServiceAccount \S+\/default$/,
  // Claims of a StatefulSet.
  /^v1 PersistentVolumeClaim \S+-\d+$/,
  // Made anew out of what other roles add to them by their labels.
  /^rbac\.authorization\.k8s\.io\/v1 ClusterRole \/(admin|edit|view)$/,
  /^v1 ConfigMap \S+\/(kube-root-ca\.crt|slipway-inventory-\S+)$/,
  /^apps\/v1 (ReplicaSet|ControllerRevision) /,
  /^discovery\.k8s\.io\/v1 EndpointSlice /,
];

/** The objects that somebody made, changed or deleted in between, named as in plans, in order. */
export function changesBetween(before: Listing, after: Listing): string[] {
  return differences(before, after)
    .map((line) => line.split("\n")[0]!.replace(/^\w+: /, ""))
    .filter((name) => !FOLLOWS.some((pattern) => pattern.test(name)))
    .map(planKey)
    .sort();
}

/** `apps/v1 Deployment slipway/control` is `Deployment.apps/slipway/control`. */
function planKey(line: string): string {
  const [apiVersion = "", kind = "", name = ""] = line.split(" ");
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  return `${kind}${group}/${name}`;
}

/** The server makes one for every group that it serves, and takes it away with it. */
function isSomebodys(kind: string, { metadata }: KubernetesObject): boolean {
  return (
    kind !== "APIService" || metadata.labels?.["kube-aggregator.kubernetes.io/automanaged"] === undefined
  );
}

function contents({ metadata, status: _status, ...rest }: KubernetesObject): string {
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => !VOLATILE.has(key)));
  return JSON.stringify({ ...rest, metadata: kept });
}
