import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { toYaml } from "../../../../src/targets/kubernetes/render/yaml.ts";

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("a", "1", ":", " ", "#", "-", "\n", "\t", '"', "'", "~", "|", "y", ".", "/"),
  }),
  fc.constantFrom(
    "yes",
    "NO",
    "0x1f",
    "012",
    "1_000",
    "12:30:45",
    "2001-01-01",
    ".inf",
    "=",
    "<<",
    "",
    "null",
  ),
);
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test.each(["1.1", "1.2"] as const)("what is written reads the same in YAML %s", (version) => {
  fc.assert(
    fc.property(value, (data) => {
      expect(parse(toYaml({ data }), { version, uniqueKeys: false, stringKeys: true })).toEqual({ data });
    }),
    { numRuns: 150 },
  );
});

test("it is what a person would write", () => {
  expect(
    toYaml({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "a", labels: { "app.kubernetes.io/name": "x", on: "true", version: "1.36" } },
      data: { "run.sh": "set -e\n\necho done\n", none: "", port: "8080" },
      list: [{ name: "a", ports: [1, 2] }, [], {}, "http://x:80"],
      left: undefined,
    }),
  ).toBe(`apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  labels:
    app.kubernetes.io/name: x
    "on": "true"
    version: "1.36"
data:
  run.sh: |
    set -e

    echo done
  none: ""
  port: "8080"
list:
- name: a
  ports:
  - 1
  - 2
- []
- {}
- http://x:80
`);
});
