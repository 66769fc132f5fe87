import type { ObjectIdentity } from "../object.ts";

/** One object of a platform, as Flux writes its inventories: `namespace_name_group_kind` and the API version. */
export interface InventoryEntry {
  id: string;
  v: string;
}

/** An object that we made, and the version of its API in which we wrote it. */
export interface Owned {
  identity: ObjectIdentity;
  version: string;
}

/** No name holds an underscore; the colons that RBAC's names may hold become two of them. */
export function toEntry({ identity: { namespace, name, group, kind }, version }: Owned): InventoryEntry {
  return { id: [namespace ?? "", name.replaceAll(":", "__"), group, kind].join("_"), v: version };
}

/** undefined for what isn't an entry. */
export function fromEntry({ id, v }: InventoryEntry): Owned | undefined {
  const match = /^([^_]*)_(.+)_([^_]*)_([^_]+)$/.exec(id);
  if (match === null) return undefined;
  const [, namespace = "", name = "", group = "", kind = ""] = match;
  return {
    identity: {
      group,
      kind,
      namespace: namespace === "" ? undefined : namespace,
      name: name.replaceAll("__", ":"),
    },
    version: v,
  };
}
