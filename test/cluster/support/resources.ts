import type { TestCluster } from "./cluster.ts";

/** A kind that can be listed, in the first version that serves it; the group's preferred one comes first. */
export interface Resource {
  apiVersion: string;
  kind: string;
  /** Address of the whole list. */
  path: string;
  name: string;
  verbs: readonly string[];
}

interface ResourceList {
  resources: { name: string; kind: string; verbs: string[] }[];
}

interface Groups {
  groups: { preferredVersion: { groupVersion: string }; versions: { groupVersion: string }[] }[];
}

/** Every kind that the server serves and lists, once. */
export async function listable(cluster: TestCluster): Promise<Resource[]> {
  const { groups } = (await cluster.get<Groups>("/apis"))!;
  const versions = groups.flatMap((group) =>
    [group.preferredVersion, ...group.versions].map(({ groupVersion }) => groupVersion),
  );
  const lists = await Promise.all(["v1", ...new Set(versions)].map((version) => inVersion(cluster, version)));
  const byKind = new Map<string, Resource>();
  for (const resource of lists.flat()) {
    const key = `${resource.apiVersion.replace(/[^/]*$/, "")}${resource.kind}`;
    if (!byKind.has(key)) byKind.set(key, resource);
  }
  return [...byKind.values()];
}

async function inVersion(cluster: TestCluster, apiVersion: string): Promise<Resource[]> {
  const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  const list = await cluster.get<ResourceList>(root);
  return (list?.resources ?? [])
    .filter(({ name, verbs }) => !name.includes("/") && verbs.includes("list"))
    .map(({ name, kind, verbs }) => ({ apiVersion, kind, name, verbs, path: `${root}/${name}` }));
}
