import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import Fastify from "fastify";
import { projectJsonSchema } from "../../src/spec/json-schema.ts";
import { projectReference } from "../../src/spec/reference.ts";
import { specRoutes } from "../../src/spec/routes.ts";

const FOLDER = fileURLToPath(new URL("../../docs/reference/", import.meta.url));

test("the committed reference is what the schema says (node tools/reference.mjs --write)", () => {
  const schema = projectJsonSchema();
  expect(readFileSync(`${FOLDER}slipway-yaml.md`, "utf8")).toBe(projectReference(schema));
  expect(JSON.parse(readFileSync(`${FOLDER}slipway.schema.json`, "utf8"))).toEqual(schema);
});

test("editors get the schema from the platform", async () => {
  const app = Fastify();
  specRoutes(app);
  const response = await app.inject("/api/slipway/v1/schemas/project.json");
  expect(response.json()).toEqual(projectJsonSchema());
  await app.close();
});
