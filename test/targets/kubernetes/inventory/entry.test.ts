import { expect, test } from "vitest";
import { fromEntry, toEntry } from "../../../../src/targets/kubernetes/inventory/entry.ts";

test.each([
  ["one_a_apps_Deployment", { group: "apps", kind: "Deployment", namespace: "one", name: "a" }],
  ["_one__Namespace", { group: "", kind: "Namespace", namespace: undefined, name: "one" }],
  [
    "_system__reader_rbac.authorization.k8s.io_ClusterRole",
    { group: "rbac.authorization.k8s.io", kind: "ClusterRole", namespace: undefined, name: "system:reader" },
  ],
])("writes %s as Flux does, and reads it back", (id, identity) => {
  const owned = { identity, version: "v1" };
  expect(toEntry(owned)).toEqual({ id, v: "v1" });
  expect(fromEntry({ id, v: "v1" })).toEqual(owned);
});

test("what isn't an entry is none", () => expect(fromEntry({ id: "nonsense", v: "v1" })).toBeUndefined());
