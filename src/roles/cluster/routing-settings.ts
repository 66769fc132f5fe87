import type { GatewayDoor } from "../../targets/kubernetes/serving/gateway/gateway-client.ts";
import type { GatewayPlace } from "../../targets/kubernetes/serving/gateway/route.ts";
import { HTTP_ADDRESS, optional, setting, type Environment } from "./settings.ts";

/** Who divides a service's traffic: our serve pods, request by request, or the weights of a gateway. */
export type Routing = "router" | "gateway";

const KINDS: readonly string[] = ["router", "gateway"] satisfies Routing[];

/** SETTING_INVALID for another word; the default is `router`. */
export function routing(env: Environment): Routing {
  const allowed = { allowed: KINDS.join(" or "), isRight: (text: string) => KINDS.includes(text) };
  return (optional(env, "SLIPWAY_ROUTING", allowed) ?? "router") as Routing;
}

/** Where services' routes hang, and how control reaches the gateway as callers do. */
export interface GatewaySettings {
  gateway: GatewayPlace;
  door: GatewayDoor;
}

const GATEWAY = /^[a-z0-9.-]+\/[a-z0-9.-]+(\/[a-z0-9.-]+)?$/;
const HOST = /^[a-z0-9.-]+$/;

/** Undefined: our own router divides. SETTING_MISSING or SETTING_INVALID, naming the variable. */
export function gatewaySettings(env: Environment): GatewaySettings | undefined {
  if (routing(env) === "router") return undefined;
  const [namespace = "", name = "", listener] = setting(env, "SLIPWAY_GATEWAY", {
    allowed: "a Gateway as NAMESPACE/NAME, or one of its listeners as NAMESPACE/NAME/LISTENER",
    isRight: (text) => GATEWAY.test(text),
  }).split("/");
  const host = setting(env, "SLIPWAY_GATEWAY_HOST", {
    allowed: "the platform's host name at the gateway",
    isRight: (text) => HOST.test(text),
  });
  const url = new URL(setting(env, "SLIPWAY_GATEWAY_URL", HTTP_ADDRESS));
  return {
    gateway: { namespace, name, ...(listener === undefined ? {} : { listener }), host },
    door: { url, host },
  };
}
