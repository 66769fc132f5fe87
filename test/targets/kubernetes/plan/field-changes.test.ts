import { expect, test } from "vitest";
import { fieldChanges } from "../../../../src/targets/kubernetes/plan/field-changes.ts";
import { configMap, deployment } from "../platform-fixture.ts";

test("names a container by its name, not by its place", () => {
  expect(fieldChanges(deployment("a", "one:1"), deployment("a", "one:2"))).toEqual([
    { path: ".spec.template.spec.containers[name=main].image", before: "one:1", after: "one:2" },
  ]);
});

test("what the server notes about an object is no change", () => {
  const live = configMap("a", { b: "1" });
  const noted = {
    ...live,
    metadata: { ...live.metadata, uid: "u", resourceVersion: "7", generation: 3, managedFields: [] },
    status: {},
  };
  expect(fieldChanges(noted, live)).toEqual([]);
});

test("a field that comes and one that goes", () => {
  expect(fieldChanges(configMap("a", { old: "1" }), configMap("a", { "new.key": "2" }))).toEqual([
    { path: ".data.old", before: "1", after: undefined },
    { path: '.data["new.key"]', before: undefined, after: "2" },
  ]);
});

test("never shows what a Secret holds", () => {
  const secret = (value: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s" },
    data: { key: value },
  });
  expect(fieldChanges(secret("aGE="), secret("aGk="))).toEqual([
    { path: ".data.key", before: "(hidden)", after: "(hidden)" },
  ]);
});
