import { expect, test } from "vitest";
import { definePlatform, defineProject, projectToYaml } from "../../src/spec/define.ts";
import { projectJsonSchema } from "../../src/spec/json-schema.ts";
import { parseProject } from "../../src/spec/parse.ts";
import { parsePlatform } from "../../src/spec/platform/parse.ts";

test("a project written in TypeScript is the project that its YAML gives", () => {
  const gate = { metric: "accuracy", min: 0.9 };
  const yaml = projectToYaml(
    defineProject({
      apiVersion: "slipway/v1",
      kind: "Project",
      name: "churn",
      pipeline: { steps: [{ name: "train", run: "python train.py\n", timeout: "30m" }] },
      model: { name: "churn", gate: [gate, gate] },
      rollout: { steps: [10, 50], metrics: [{ name: "errors", worseBy: "0.5pp" }] },
    }),
  );
  const parsed = parseProject(yaml, "slipway.yaml");
  expect(parsed.ok && parsed.value.pipeline.steps[0]).toMatchObject({
    run: "python train.py\n",
    timeout: 1_800_000,
  });
  expect(parsed.ok && parsed.value.model?.gate).toEqual([gate, gate]);
});

test("a platform may be written in TypeScript too", () => {
  const yaml = projectToYaml(
    definePlatform({
      apiVersion: "slipway/v1",
      kind: "Platform",
      name: "delivery",
      kubernetes: { version: "1.36" },
      domain: "ml.example.com",
      tenants: [{ name: "team-a", quota: { cpu: 8, memory: "16Gi" } }],
    }),
  );
  const parsed = parsePlatform(yaml, "platform.yaml", []);
  expect(parsed.ok && parsed.value.base.platform.tenants[0]?.quota.cpu).toBe("8");
});

test("the JSON Schema carries defaults and documentation to the editor", () => {
  const { properties, additionalProperties } = projectJsonSchema();
  expect(additionalProperties).toBe(false);
  expect(properties?.rollout?.properties?.deadline).toMatchObject({ type: "string", default: "2h" });
  expect(properties?.rollout?.properties?.steps).toMatchObject({ default: [5, 25, 50] });
  const undocumented: string[] = [];
  const walk = (path: string, schema: ReturnType<typeof projectJsonSchema>): void => {
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      if (value.description === undefined) undocumented.push(`${path}.${key}`);
      walk(`${path}.${key}`, value);
      if (value.items !== undefined) walk(`${path}.${key}[]`, value.items);
    }
  };
  walk("", projectJsonSchema());
  expect(undocumented).toEqual([]);
});
