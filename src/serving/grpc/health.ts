import { isServerReady } from "../router/model-facts.ts";
import type { FactDeps } from "../router/model-facts.ts";
import { MESSAGE_PREFIX } from "./message-prefix.ts";
import { HEALTH_REQUEST, HEALTH_RESPONSE, HEALTH_SERVICE, SERVICE } from "./messages.ts";
import type { Method } from "./serve-call.ts";
import { decode, encode } from "./wire/schema.ts";

const SERVING = 1;
const NOT_SERVING = 2;

/** gRPC's health checking protocol, as Kubernetes asks; Watch isn't there, which clients take for healthy. */
export function healthMethods(deps: FactDeps): [string, Method][] {
  return [
    [
      `/${HEALTH_SERVICE}/Check`,
      (call, request) => {
        const { service = "" } = decode(HEALTH_REQUEST, request);
        if (service !== "" && service !== SERVICE && service !== HEALTH_SERVICE)
          return call.fail("NOT_FOUND", `this server has no service ${JSON.stringify(service)}`);
        const isServing = service === HEALTH_SERVICE || isServerReady(deps);
        const status = isServing ? SERVING : NOT_SERVING;
        return call.succeed(encode(HEALTH_RESPONSE, { status }, MESSAGE_PREFIX));
      },
    ],
  ];
}
