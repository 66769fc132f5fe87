import { expect, test } from "vitest";
import { servingSettings } from "../../../src/roles/cluster/serving-settings.ts";

const env = { SLIPWAY_WORKER_IMAGE: "slipway:1", SLIPWAY_NAMESPACE: "slipway", SLIPWAY_GITOPS: "argocd" };
const refusal = (code: string, where: string): Error =>
  expect.objectContaining({ code, facts: expect.objectContaining({ where }) as object }) as Error;

test("who carries models out must be somebody, and by name", () => {
  expect(() => servingSettings(env, "/")).toThrow(refusal("SETTING_MISSING", "SLIPWAY_GITOPS_APPLICATION"));
  for (const SLIPWAY_GITOPS_APPLICATION of ["models", "a/b/c", "Argo/models", "/models"])
    expect(() => servingSettings({ ...env, SLIPWAY_GITOPS_APPLICATION }, "/")).toThrow(
      refusal("SETTING_INVALID", "SLIPWAY_GITOPS_APPLICATION"),
    );
  expect(() => servingSettings({ ...env, SLIPWAY_GITOPS: "flux" }, "/")).toThrow(
    refusal("SETTING_INVALID", "SLIPWAY_GITOPS"),
  );
  expect(servingSettings({}, "/")).toBeUndefined();
});

test("who divides requests is the router, or a gateway that is named", () => {
  const routed = {
    SLIPWAY_WORKER_IMAGE: "slipway:1",
    SLIPWAY_NAMESPACE: "slipway",
    SLIPWAY_ROUTING: "gateway",
    SLIPWAY_GATEWAY: "gateway/platform/http",
    SLIPWAY_GATEWAY_HOST: "slipway.example.com",
    SLIPWAY_GATEWAY_URL: "http://traefik.gateway.svc",
  };
  const refused = (more: Record<string, string>, code: string, where: string): void =>
    expect(() => servingSettings({ ...routed, ...more }, "/")).toThrow(refusal(code, where));
  refused({ SLIPWAY_ROUTING: "both" }, "SETTING_INVALID", "SLIPWAY_ROUTING");
  refused({ SLIPWAY_GATEWAY: "platform" }, "SETTING_INVALID", "SLIPWAY_GATEWAY");
  refused({ SLIPWAY_GATEWAY_HOST: "" }, "SETTING_MISSING", "SLIPWAY_GATEWAY_HOST");
  refused({ SLIPWAY_GATEWAY_URL: "traefik" }, "SETTING_INVALID", "SLIPWAY_GATEWAY_URL");
  refused({ SLIPWAY_VARIANTS: "kserve" }, "SETTING_INVALID", "SLIPWAY_ROUTING");
});
