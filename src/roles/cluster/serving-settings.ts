import { SlipwayError } from "../../http/errors.ts";
import { readKubeconfig, type ClusterAccess } from "../../targets/kubernetes/cluster/kubeconfig.ts";
import { gatewaySettings, type GatewaySettings } from "./routing-settings.ts";
import { optional, setting, type Environment } from "./settings.ts";

/** How a control pod serves models in pods of their own. */
export interface ServingSettings {
  access: ClusterAccess;
  env: Environment;
  /** The platform's own; the default tenant's models run in `<namespace>-default`. */
  namespace: string;
  image: string;
  pullPolicy?: string;
  /** A variant is an InferenceService of KServe's. */
  isKserve: boolean;
  /** The Application of Argo CD that carries the branch out; absent: control does. */
  argoCd?: { namespace: string; name: string };
  /** Undefined: our own serve pods divide the traffic. */
  gateway?: GatewaySettings;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const KINDS = ["deployment", "kserve"];
const ENGINES = ["control", "argocd"];

/** Undefined: no image for models' pods is set, so none can be served in pods. SETTING_* names what is wrong. */
export function servingSettings(env: Environment, cwd: string): ServingSettings | undefined {
  const image = optional(env, "SLIPWAY_WORKER_IMAGE", { allowed: "the platform's own image" });
  if (image === undefined) return undefined;
  const among = (name: string, values: readonly string[]): string | undefined =>
    optional(env, name, { allowed: values.join(", "), isRight: (text) => values.includes(text) });
  const pullPolicy = among("SLIPWAY_WORKER_PULL_POLICY", PULL_POLICIES);
  const argoCd = among("SLIPWAY_GITOPS", ENGINES) === "argocd" ? applicationOf(env) : undefined;
  const gateway = gatewaySettings(env);
  const isKserve = among("SLIPWAY_VARIANTS", KINDS) === "kserve";
  if (gateway !== undefined && isKserve)
    throw new SlipwayError(
      "SETTING_INVALID",
      "SLIPWAY_ROUTING can't be gateway where SLIPWAY_VARIANTS is kserve",
      {
        where: "SLIPWAY_ROUTING",
        given: "gateway",
        allowed: "router",
      },
    );
  return {
    access: readKubeconfig({ env, cwd }),
    env,
    image,
    isKserve,
    ...(gateway && { gateway }),
    namespace: setting(env, "SLIPWAY_NAMESPACE", {
      allowed: "the platform's own namespace",
      isRight: (text) => NAME.test(text),
    }),
    ...(pullPolicy === undefined ? {} : { pullPolicy }),
    ...(argoCd === undefined ? {} : { argoCd }),
  };
}

function applicationOf(env: Environment): { namespace: string; name: string } {
  const text = setting(env, "SLIPWAY_GITOPS_APPLICATION", {
    allowed: "namespace/name of the Application that follows the branch kubernetes",
    isRight: (given) => given.split("/").length === 2 && given.split("/").every((part) => NAME.test(part)),
  });
  const [namespace = "", name = ""] = text.split("/");
  return { namespace, name };
}
