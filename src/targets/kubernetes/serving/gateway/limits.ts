import { SlipwayError } from "../../../../http/errors.ts";
import type { TrafficRule } from "../../../../serving/backend.ts";

/** What a gateway's weights can't do for this rule. ROUTING_CANNOT names all of it. */
export function refuseRule({ service, shadow = 0, fallback, sticky }: TrafficRule): void {
  const wanted = [
    ...(shadow > 0 ? ["copies for the challenger (rollout.shadow)"] : []),
    ...(fallback === true ? ["the champion's answer where the challenger fails (rollout.fallback)"] : []),
    ...(sticky === undefined ? [] : ["callers that stay with a variant (serving.sticky)"]),
  ];
  if (wanted.length === 0) return;
  throw new SlipwayError(
    "ROUTING_CANNOT",
    `${service} asks for ${wanted.join(", ")}, and a gateway divides it`,
    {
      where: `service/${service}`,
      given: "routing: gateway",
      allowed: "routing: router",
    },
  );
}
