import Fastify from "fastify";
import { expect, test } from "vitest";
import type { Events } from "../../src/base/events.ts";
import { platformRoutes } from "../../src/roles/platform-routes.ts";
import { asLocalCaller } from "../support/as-local-caller.ts";

async function get(accept: string, services: { name: string; champion: number | null }[]) {
  const app = Fastify();
  asLocalCaller(app);
  platformRoutes(app, {
    version: "1.2.3",
    mlflowVersion: "3.0.0",
    target: "local",
    grpcPort: 4601,
    platformId: "ab".repeat(16),
    dataDir: "/data",
    events: {} as Events,
    ownerOf: async () => "default",
    services: async () => services,
  });
  const response = await app.inject({ url: "/", headers: { accept, host: "ml.test:4600" } });
  await app.close();
  return response;
}

test("the bare address tells curl where everything is", async () => {
  const { statusCode, headers, body } = await get("*/*", [{ name: "digits", champion: 3 }]);
  expect(statusCode).toBe(200);
  expect(headers["content-type"]).toContain("text/plain");
  expect(body).toContain("git push http://ml.test:4600/git/PROJECT.git main");
  expect(body).toMatch(/Service digits +http:\/\/ml\.test:4600\/services\/digits\n/);
  expect(body).toContain("http://ml.test:4600/v2/models/digits (version 3)");
  expect(body).toContain("http://ml.test:4600/api/slipway/v1/openapi.json");
});

test("a browser gets the same as HTML, with links and nothing to run", async () => {
  const { headers, body } = await get("text/html,*/*", [{ name: "<b>", champion: 1 }]);
  expect(headers["content-type"]).toContain("text/html");
  expect(headers["content-security-policy"]).toBe("default-src 'none'");
  expect(body).toContain('<a href="http://ml.test:4600/api/slipway/v1/openapi.json">');
  expect(body).not.toContain("<b>");
});

test("a platform without services says so", async () => {
  expect((await get("*/*", [])).body).toMatch(/Services +none yet/);
});
