import type { TestCluster } from "./cluster.ts";

/** A kind that can be listed, in the version that its group prefers. */
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

/** Every kind that the server serves and lists. */
export async function listable(cluster: TestCluster): Promise<Resource[]> {
  const groups = await cluster.get<{ groups: { preferredVersion: { groupVersion: string } }[] }>("/apis");
  const versions = ["v1", ...groups!.groups.map((group) => group.preferredVersion.groupVersion)];
  const lists = await Promise.all(
    versions.map(async (apiVersion) => {
      const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
      const list = await cluster.get<ResourceList>(root);
      return (list?.resources ?? [])
        .filter(({ name, verbs }) => !name.includes("/") && verbs.includes("list"))
        .map(({ name, kind, verbs }) => ({ apiVersion, kind, name, verbs, path: `${root}/${name}` }));
    }),
  );
  return lists.flat();
}
