import { expect, test } from "vitest";
import { formatPath } from "../../../../src/spec/issue.ts";
import type { Path } from "../../../../src/spec/issue.ts";
import { EDGE_CODES } from "../../../../src/targets/kubernetes/wiring/edge.ts";
import type { Edge } from "../../../../src/targets/kubernetes/wiring/edge.ts";
import { edges } from "../../../../src/targets/kubernetes/wiring/edges.ts";
import { nameOf, proveWiring } from "../../../../src/targets/kubernetes/wiring/prove.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { renderedOf, whole } from "./platform.ts";

const WHOLE = whole();

test("a platform whose every reference leads somewhere has no findings", () => {
  expect(proveWiring(WHOLE, "1.36").map(({ message }) => message)).toEqual([]);
});

test("every kind of edge stands in it; only a text that is no expression has one of that name", () => {
  const codes = new Set(edges(WHOLE).map(({ code }) => code));
  expect(EDGE_CODES.filter((code) => !codes.has(code))).toEqual(["expression"]);
});

test("every edge, broken on its own, is found", () => {
  const uncaught = edges(WHOLE).filter((edge) => {
    const findings = proveWiring(broken(WHOLE, edge), "1.36");
    return !findings.some(({ severity }) => severity === "error");
  });
  expect(uncaught.map((edge) => `${edge.code} ${nameOf(edge.object)} ${formatPath(edge.at)}`)).toEqual([]);
});

test("a finding names both ends, what may be meant, and the line's path in platform.yaml", () => {
  const object = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default" },
    spec: {
      containers: [{ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "object", key: "id" } } }] }],
    },
  };
  const given = { ...WHOLE.given, secrets: [{ namespace: "default", name: "objects", keys: ["id"] }] };
  const [finding] = proveWiring(renderedOf([object], { given }), "1.36");
  expect(finding).toMatchObject({ code: "secret-key", severity: "error", from: ["components", "slipway"] });
  expect(finding?.message).toBe(
    "Pod/default/web counts at spec.containers[0].env[0].valueFrom.secretKeyRef.name on what isn't there: " +
      "nothing makes Secret default/object, and it isn't given; did you mean objects?",
  );
});

test("what a chart that can't be read may make is unverified, not an error", () => {
  const object = {
    apiVersion: "cert-manager.io/v1",
    kind: "Issuer",
    metadata: { name: "own", namespace: "certs" },
    spec: { ca: { secretName: "authority" } },
  };
  const chart = {
    row: "cert-manager",
    release: "c",
    namespace: "certs",
    values: {},
    from: [],
    component: "certManager",
  };
  const row = {
    row: "cert-manager",
    kind: "chart",
    source: "s",
    version: "1",
    licence: "MIT",
    upkeep: "",
  } as const;
  const findings = (state: "read" | "reference") =>
    proveWiring(renderedOf([object], { charts: [{ ...chart, state }], locked: [row] }), "1.36").map(
      (one) => `${one.severity} ${one.code}`,
    );
  expect(findings("reference")).toEqual([
    "unverified definition",
    "unverified namespace",
    "unverified secret-key",
  ]);
  expect(findings("read")).toEqual(["error definition", "error namespace", "error secret-key"]);
});

/** The same rendering with what stands at an edge changed. */
function broken(rendered: Rendered, edge: Edge): Rendered {
  const objects = rendered.objects.map((one) => {
    if (one !== edge.object) return one;
    const object = structuredClone(one.object);
    change(object, edge.at, inner(edge));
    return { ...one, object };
  });
  return { ...rendered, objects };
}

function change(root: unknown, path: Path, find: string | undefined): void {
  const holder = path
    .slice(0, -1)
    .reduce((value, key) => (value as Record<string, unknown>)[key], root as unknown);
  const last = path.at(-1) ?? "";
  const fields = holder as Record<string | number, unknown>;
  const value = fields[last];
  if (typeof value === "number") fields[last] = value + 1;
  else if (typeof value === "string" && find !== undefined) fields[last] = value.replaceAll(find, `${find}x`);
  else if (typeof value === "string")
    fields[last] = value.includes("//") ? value.replace(/\/\/\w/, "//x") : `${value}x`;
  else throw new Error(`nothing to change at ${formatPath(path)}`);
}

/** What stands inside of a longer text, and isn't all of it. */
function inner({ code, target }: Edge): string | undefined {
  if (target.is === "grouping") return target.label;
  if (target.is === "metric") return target.label ?? target.name;
  return code === "data-source" && target.is === "oneOf" ? `"uid":"${target.name}` : undefined;
}
