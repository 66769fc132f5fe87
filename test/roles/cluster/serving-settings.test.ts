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
