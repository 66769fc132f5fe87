import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chartFileName } from "../../../../src/targets/kubernetes/charts/chart-file.ts";
import { FolderCharts } from "../../../../src/targets/kubernetes/charts/folder-charts.ts";
import { readCharts } from "../../../../src/targets/kubernetes/charts/read-charts.ts";
import { changeManifests, tidyObjects } from "../../../../src/targets/kubernetes/charts/tidy.ts";
import type { ChartUse } from "../../../../src/targets/kubernetes/component.ts";
import type { LockEntry } from "../../../../src/targets/kubernetes/lock.ts";
import { renderedOf } from "../wiring/platform.ts";

const USE: ChartUse = {
  row: "app",
  release: "app",
  namespace: "apps",
  values: { a: 1, b: { c: 2 } },
  from: [],
};
const ENTRY: LockEntry = {
  row: "app",
  kind: "chart",
  source: "oci://charts.example.com/app",
  version: "v1.2.3",
  licence: "Apache-2.0",
  upkeep: "active",
};
const OUTPUT = `---
# Source: app/templates/role.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: app, annotations: }
subjects: [{ kind: ServiceAccount, name: app }]
---
---
apiVersion: v1
kind: ConfigMap
metadata: { name: app, creationTimestamp: null }
data: { _example: long, key: value }
---
apiVersion: v1
kind: Pod
metadata: { name: app-test, annotations: { helm.sh/hook: test } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Cluster
  names: { kind: Widget }
  versions: [{ schema: { openAPIV3Schema: { description: prose, properties: { description: { type: string } } } } }]
status: { conditions: [] }
---
apiVersion: example.com/v1
kind: Widget
metadata: { name: one }
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-charts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function platform(use = USE, entry = ENTRY) {
  return renderedOf([], { charts: [{ ...use, component: "app", state: "reference" }], locked: [entry] });
}

describe("a chart", () => {
  const asked: { args: readonly string[]; values: string }[] = [];
  const deps = {
    helm: async (args: readonly string[], values: string) => {
      asked.push({ args, values });
      return OUTPUT;
    },
    read: async (address: string) => {
      throw new Error(`${address} answered 503`);
    },
  };

  test("is run with its values, and read back as what it makes", async () => {
    const [reading] = await readCharts([platform()], folder, { from: new Map(), deps });
    expect(reading).toEqual({ row: "app", file: chartFileName(USE, ENTRY), state: "read" });
    expect(asked[0]?.args.join(" ")).toBe(
      "template app oci://charts.example.com/app --version v1.2.3 --namespace apps --kube-version v1.36.0 --include-crds --skip-tests",
    );
    expect(JSON.parse(asked[0]?.values ?? "")).toEqual(USE.values);
    const objects = new FolderCharts(folder).objects({ ...USE, values: { b: { c: 2 }, a: 1 } }, ENTRY);
    expect(objects?.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace])).toEqual([
      ["CustomResourceDefinition", "widgets.example.com", undefined],
      ["ClusterRoleBinding", "app", undefined],
      ["ConfigMap", "app", "apps"],
      ["Widget", "one", undefined],
    ]);
    expect(JSON.stringify(objects)).not.toMatch(/prose|creationTimestamp|_example|status|annotations/);
    expect(JSON.stringify(objects)).toContain('"description":{"type":"string"}');
    expect(objects?.[1]?.["subjects"]).toEqual([{ kind: "ServiceAccount", name: "app", namespace: "apps" }]);
  });

  test("is run once, and not known in another version or with other values", async () => {
    expect(await readCharts([platform()], folder, { from: new Map(), deps })).toMatchObject([
      { state: "kept" },
    ]);
    const charts = new FolderCharts(folder);
    expect(charts.objects(USE, { ...ENTRY, version: "v1.2.4" })).toBeUndefined();
    expect(charts.objects({ ...USE, values: {} }, ENTRY)).toBeUndefined();
    expect(new FolderCharts(join(folder, "nowhere")).objects(USE, ENTRY)).toBeUndefined();
  });

  test("takes the place of its older version", async () => {
    const next = { ...ENTRY, version: "v1.3.0" };
    await readCharts([platform(USE, next)], folder, { from: new Map(), deps });
    expect(await readdir(folder)).toEqual([chartFileName(USE, next)]);
  });

  test("that can't be had is told, and stops no other", async () => {
    const manifests: LockEntry = {
      ...ENTRY,
      kind: "manifests",
      source: "https://example.com/{version}/{number}.yaml",
    };
    const readings = await readCharts([platform(USE, manifests)], join(folder, "other"), {
      from: new Map(),
      deps,
    });
    expect(readings).toMatchObject([
      { state: "unread", why: "https://example.com/v1.2.3/1.2.3.yaml answered 503" },
    ]);
  });

  test("that somebody changed by hand into nonsense is refused", async () => {
    await writeFile(join(folder, chartFileName(USE, ENTRY)), '{ "objects": [ {} ] }');
    expect(() => new FolderCharts(folder).objects(USE, ENTRY)).toThrow(
      expect.objectContaining({ code: "PLATFORM_CHART_BROKEN" }),
    );
  });
});

test("manifests are changed by name, and a name that upstream no longer has is said", () => {
  const container = { name: "app", image: "example.com/app:1" };
  const objects = tidyObjects(
    [
      {
        apiVersion: "v1",
        kind: "List",
        items: [
          { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "app" }, data: { a: "1" } },
          { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "more" } },
          {
            apiVersion: "apps/v1",
            kind: "Deployment",
            metadata: { name: "app" },
            spec: { template: { spec: { containers: [container] } } },
          },
        ],
      },
    ],
    USE,
  );
  const changed = changeManifests(objects, {
    without: ["ConfigMap/more"],
    over: { "ConfigMap/app": { data: { b: "2" } } },
    containers: { "app/app": { resources: { requests: { cpu: "1" } } } },
  });
  expect(changed).toMatchObject([
    { kind: "ConfigMap", data: { a: "1", b: "2" } },
    {
      spec: { template: { spec: { containers: [{ ...container, resources: { requests: { cpu: "1" } } }] } } },
    },
  ]);
  expect(() => changeManifests(objects, { without: ["ConfigMap/gone"] })).toThrow("have no ConfigMap/gone");
});
