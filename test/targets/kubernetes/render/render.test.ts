import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { parsePlatform } from "../../../../src/spec/platform/parse.ts";
import { NO_CHARTS } from "../../../../src/targets/kubernetes/charts/chart-source.ts";
import type { ChartSource } from "../../../../src/targets/kubernetes/charts/chart-source.ts";
import { defineComponent } from "../../../../src/targets/kubernetes/component.ts";
import type { LockEntry } from "../../../../src/targets/kubernetes/lock.ts";
import type { Registry } from "../../../../src/targets/kubernetes/registry.ts";
import { renderedFiles } from "../../../../src/targets/kubernetes/render/files.ts";
import { renderPlatform } from "../../../../src/targets/kubernetes/render/render.ts";
import { writeFolder } from "../../../../src/targets/kubernetes/render/write-folder.ts";

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-render-"));
  folders.push(folder);
  return folder;
}

const row = (name: string): LockEntry => ({
  row: name,
  kind: "chart",
  source: `oci://charts.example.com/${name}`,
  version: "1.2.3",
  licence: "Apache-2.0",
  upkeep: "active",
});

const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shared" } };

const gateway = defineComponent({
  name: "gateway",
  summary: "A gateway.",
  options: z.strictObject({ port: z.int().default(80) }),
  locked: ["gateway"],
  publish: () => ({ certificates: { issuer: { kind: "ClusterIssuer" as const, name: "platform" } } }),
  render: ({ options, locked }) => ({
    objects: [
      {
        object: {
          apiVersion: "v1",
          kind: "Service",
          metadata: {
            name: "gateway",
            namespace: "shared",
            annotations: { version: locked("gateway").version },
          },
          spec: { ports: [{ port: options.port }] },
        },
        from: ["components", "gateway", "port"],
      },
      { object: namespace, from: ["components", "gateway"] },
    ],
    charts: [
      { row: "gateway", release: "gw", namespace: "shared", values: {}, from: ["components", "gateway"] },
    ],
  }),
});

const app = defineComponent({
  name: "app",
  summary: "An app.",
  options: z.strictObject({ clash: z.boolean().default(false) }),
  locked: [],
  render: ({ options, facts }) => ({
    objects: [
      {
        object: options.clash ? { ...namespace, spec: { other: true } } : namespace,
        from: ["components", "app"],
      },
      {
        object: {
          apiVersion: "example.com/v1",
          kind: "App",
          metadata: { name: facts.certificates?.issuer.name ?? "none", namespace: "shared" },
        },
        from: ["components", "app"],
      },
    ],
  }),
});

const REGISTRY: Registry = {
  components: [gateway, app],
  versions: [row("gateway")],
  tenant: ({ tenant, from }) => ({
    objects: [{ object: { apiVersion: "v1", kind: "Namespace", metadata: { name: tenant.name } }, from }],
  }),
};

function render(rest: string, charts: ChartSource = NO_CHARTS) {
  const text = `apiVersion: slipway/v1
kind: Platform
name: delivery
kubernetes: { version: "1.36" }
domain: ml.example.com
${rest}`;
  const parsed = parsePlatform(text, "platform.yaml", REGISTRY.components);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return renderPlatform(parsed.value.base, { registry: REGISTRY, charts });
}

const WHOLE = `components: { app: {}, gateway: {} }
tenants: [ { name: team-a, quota: { cpu: 1, memory: 1Gi } } ]
`;

describe("a platform", () => {
  test("becomes objects in order, labelled, each once", () => {
    const { objects, charts, locked } = render(WHOLE);
    expect(objects.map(({ object, component }) => [component, object.kind, object.metadata.name])).toEqual([
      ["gateway", "Namespace", "shared"],
      ["tenants/team-a", "Namespace", "team-a"],
      ["gateway", "Service", "gateway"],
      ["app", "App", "platform"],
    ]);
    expect(objects[1]?.object.metadata.labels).toEqual({
      "app.kubernetes.io/managed-by": "slipway",
      "slipway.dev/platform": "delivery",
      "slipway.dev/tenant": "team-a",
    });
    expect(charts).toMatchObject([{ row: "gateway", component: "gateway", state: "reference" }]);
    expect(locked.map((entry) => entry.row)).toEqual(["gateway"]);
  });

  test("holds what its charts make", () => {
    const made = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "proxy", namespace: "shared" },
    };
    const { objects, charts } = render(WHOLE, { objects: () => [made] });
    expect(charts[0]?.state).toBe("read");
    expect(objects.find(({ chart }) => chart === "gateway")?.object.metadata.name).toBe("proxy");
  });

  test("is refused when two parts want another object of the same name", () => {
    expect(() => render("components: { app: { clash: true }, gateway: {} }\n")).toThrow(
      expect.objectContaining({
        code: "PLATFORM_OBJECT_TWICE",
        facts: expect.objectContaining({
          given: "gateway (components.gateway, line 6) and app (components.app, line 6)",
        }),
      }),
    );
  });
});

describe("the folder", () => {
  test("has a folder for each component and tenant, and the same bytes every time", () => {
    const files = renderedFiles(render(WHOLE));
    expect([...files.keys()]).toEqual([
      "kustomization.yaml",
      "components/gateway/kustomization.yaml",
      "components/gateway/namespace-shared.yaml",
      "components/gateway/service-gateway.yaml",
      "tenants/team-a/kustomization.yaml",
      "tenants/team-a/namespace-team-a.yaml",
      "components/app/kustomization.yaml",
      "components/app/app-platform.yaml",
    ]);
    expect(files.get("kustomization.yaml")).toContain(
      "resources:\n- components/gateway\n- tenants/team-a\n- components/app\n",
    );
    expect([...renderedFiles(render(WHOLE))]).toEqual([...files]);
  });

  test("loses what is no longer rendered, and nothing else", async () => {
    const folder = await newFolder();
    const files = renderedFiles(render(WHOLE));
    expect(await writeFolder(folder, files)).toEqual({ written: files.size, unchanged: 0, removed: 0 });
    expect(await writeFolder(folder, files)).toEqual({ written: 0, unchanged: files.size, removed: 0 });
    await writeFile(join(folder, "components", "NOTES.md"), "ours");
    const fewer = renderedFiles(render("components: { app: {} }\n"));
    expect(await writeFolder(folder, fewer)).toMatchObject({ removed: 6 });
    expect(await readdir(folder)).toEqual([".slipway-rendered", "components", "kustomization.yaml"]);
    expect(await readdir(join(folder, "components"))).toEqual(["NOTES.md", "app"]);
    expect(await readFile(join(folder, "components/app/app-none.yaml"), "utf8")).toContain("kind: App");
  });

  test("of somebody else's isn't touched", async () => {
    const folder = await newFolder();
    await writeFile(join(folder, "thesis.md"), "years of work");
    await expect(writeFolder(folder, renderedFiles(render(WHOLE)))).rejects.toThrow(
      expect.objectContaining({ code: "PLATFORM_FOLDER_FOREIGN" }),
    );
    expect(await readdir(folder)).toEqual(["thesis.md"]);
  });
});
