import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { platformSchema } from "../../../src/roles/platform-schema.ts";

const HEAD = {
  apiVersion: "slipway/v1",
  kind: "Platform",
  name: "delivery",
  kubernetes: { version: "1.36" },
  domain: "ml.example.com",
};
const TENANTS = parse(`- name: team-a
  quota: { cpu: 8, memory: 16Gi }
  services: [ { name: iris, image: "registry.example.com/iris:1" } ]
`) as unknown;

test("an editor takes a file, and overlays that say what differs only", async () => {
  const schema = z.fromJSONSchema((await platformSchema()) as Parameters<typeof z.fromJSONSchema>[0]);
  const accepts = (file: object) => schema.safeParse(file).success;
  const overlaid = (overlay: object) => ({ ...HEAD, tenants: TENANTS, environments: { dev: overlay } });

  expect(accepts({ ...HEAD, tenants: TENANTS })).toBe(true);
  expect(accepts(overlaid({ domain: "dev.example.com", kubernetes: { context: "dev" } }))).toBe(true);
  expect(accepts(overlaid({ kubernetes: { context: null } }))).toBe(true);
  expect(accepts(overlaid({ tenants: [{ name: "team-a", quota: { cpu: 1 } }] }))).toBe(true);

  expect(accepts({ ...HEAD, domian: "x" })).toBe(false);
  expect(accepts(overlaid({ tenants: [{ quota: { cpu: 1 } }] }))).toBe(false);
  expect(accepts(overlaid({ domian: "x" }))).toBe(false);
  expect(accepts(overlaid({ name: "other" }))).toBe(false);
});
