import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Fastify from "fastify";
import { expect, test } from "vitest";
import { platformSchema } from "../../src/roles/platform-schema.ts";
import { projectJsonSchema } from "../../src/spec/json-schema.ts";
import { platformReference } from "../../src/spec/platform/reference.ts";
import { projectReference } from "../../src/spec/reference.ts";
import { specRoutes } from "../../src/spec/routes.ts";

const FOLDER = fileURLToPath(new URL("../../docs/reference/", import.meta.url));

test("the committed reference is what the schemas say (node tools/reference.mjs --write)", async () => {
  const schema = projectJsonSchema();
  expect(readFileSync(`${FOLDER}slipway-yaml.md`, "utf8")).toBe(projectReference(schema));
  expect(JSON.parse(readFileSync(`${FOLDER}slipway.schema.json`, "utf8"))).toEqual(schema);
  const platform = await platformSchema();
  expect(readFileSync(`${FOLDER}platform-yaml.md`, "utf8")).toBe(platformReference(platform));
  expect(JSON.parse(readFileSync(`${FOLDER}platform.schema.json`, "utf8"))).toEqual(platform);
});

test("editors get the schemas from the platform", async () => {
  const app = Fastify();
  specRoutes(app, { platformSchema });
  const schema = async (name: string): Promise<unknown> =>
    (await app.inject(`/api/slipway/v1/schemas/${name}.json`)).json();
  expect(await schema("project")).toEqual(projectJsonSchema());
  expect(await schema("platform")).toEqual(await platformSchema());
  await app.close();
});
