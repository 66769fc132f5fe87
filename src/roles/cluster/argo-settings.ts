import { readKubeconfig, type ClusterAccess } from "../../targets/kubernetes/cluster/kubeconfig.ts";
import type { StepPodSettings } from "../../targets/kubernetes/engine/render.ts";
import { optional, setting, type Environment } from "./settings.ts";

/** How a control pod runs pipelines as Argo Workflows. */
export interface ArgoSettings {
  access: ClusterAccess;
  env: Environment;
  pods: Omit<StepPodSettings, "url">;
  /** The platform's own. The default tenant's steps run in `<namespace>-default`. */
  namespace: string;
}

const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
/** Of a step that states none: small enough for a tenant's first quota, large enough for a first model. */
const ASKS = { cpu: "250m", memory: { asks: "512Mi", mayHave: "2Gi" } };
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;

/** Undefined: steps are control's own children (SLIPWAY_ENGINE=local, or no image for their pods is set). */
export function argoSettings(env: Environment, cwd: string): ArgoSettings | undefined {
  const engine = optional(env, "SLIPWAY_ENGINE", {
    allowed: "argo or local",
    isRight: (text) => text === "argo" || text === "local",
  });
  const isArgo = engine === "argo" || (engine === undefined && env["SLIPWAY_STEP_IMAGE"]);
  if (!isArgo) return undefined;
  const name = (variable: string, allowed: string): string | undefined =>
    optional(env, variable, { allowed, isRight: (text) => NAME.test(text) });
  const pullPolicy = PULL_POLICIES.find((one) => one === env["SLIPWAY_STEP_PULL_POLICY"]);
  optional(env, "SLIPWAY_STEP_PULL_POLICY", {
    allowed: PULL_POLICIES.join(", "),
    isRight: () => pullPolicy !== undefined,
  });
  const cacheClaim = name("SLIPWAY_STEP_CACHE_CLAIM", "a PersistentVolumeClaim of each tenant's namespace");
  return {
    access: readKubeconfig({ env, cwd }),
    env,
    namespace: setting(env, "SLIPWAY_NAMESPACE", {
      allowed: "the platform's own namespace",
      isRight: (text) => NAME.test(text),
    }),
    pods: {
      image: setting(env, "SLIPWAY_STEP_IMAGE", { allowed: "the platform's own image" }),
      serviceAccount: name("SLIPWAY_STEP_ACCOUNT", "a service account") ?? "pipeline",
      ...ASKS,
      ...(pullPolicy === undefined ? {} : { imagePullPolicy: pullPolicy }),
      ...(cacheClaim === undefined ? {} : { cacheClaim }),
    },
  };
}
