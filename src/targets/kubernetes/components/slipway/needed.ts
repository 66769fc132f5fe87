import { SlipwayError } from "../../../../http/errors.ts";
import type { Platform } from "../../../../spec/platform/platform.ts";
import type { DatabaseFacts, Facts, GatewayDoorFacts, GatewayFacts, ObjectStoreFacts } from "../../facts.ts";
import type { SlipwayOptions } from "./options.ts";

/** What it can't do without. */
export interface Needed {
  image: string;
  database: DatabaseFacts;
  store: ObjectStoreFacts;
  /** Steps of pipelines run as Argo Workflows. */
  hasWorkflows: boolean;
  /** `namespace/name` of the Application by which Argo CD carries out which models run; none: control does it itself. */
  application?: string;
  /** Variants are InferenceServices. */
  hasKserve: boolean;
  /** The gateway that divides services' traffic, and where control reaches it; undefined: our serve pods do. */
  gateway: (GatewayFacts & { door: GatewayDoorFacts }) | undefined;
  /** Where people reach it; undefined where nothing says so. */
  url: string | undefined;
}

/** PLATFORM_IMAGE_MISSING when platform.yaml names none; PLATFORM_ROUTING when its routing lacks what it takes. */
export function needed(platform: Platform, options: SlipwayOptions, facts: Partial<Facts>): Needed {
  const { host, url } = options;
  const { images, domain } = platform;
  const { database, objectStore, workflows, inference, gateway, modelDelivery } = facts;
  if (database === undefined || objectStore === undefined)
    throw new Error("slipway is rendered without a database and an object store, which it requires");
  const image = images["slipway"];
  if (image === undefined)
    throw new SlipwayError("PLATFORM_IMAGE_MISSING", "components.slipway has no image", {
      given: Object.keys(images).length === 0 ? "no images" : `images of ${Object.keys(images).join(", ")}`,
      allowed: "images.slipway with a digest, or a tag other than latest",
    });
  return {
    image,
    database,
    store: objectStore,
    hasWorkflows: workflows !== undefined,
    hasKserve: inference !== undefined,
    gateway: options.routing === "gateway" ? dividing(facts) : undefined,
    url: url === undefined ? gateway && `${gateway.listener}://${host}.${domain}` : new URL(url).origin,
    ...(modelDelivery && { application: `${modelDelivery.namespace}/${modelDelivery.application}` }),
  };
}

function dividing({ gateway, inference }: Partial<Facts>): Needed["gateway"] {
  const refuse = (given: string, allowed: string): SlipwayError =>
    new SlipwayError("PLATFORM_ROUTING", "components.slipway.routing can't be gateway", { given, allowed });
  if (gateway === undefined) throw refuse("no gateway", "components.gateway, or routing: router");
  // The Service of Envoy's proxies is named by Envoy Gateway as it makes them.
  if (gateway.door === undefined)
    throw refuse(`a gateway of class ${gateway.className}`, "implementation: traefik, or routing: router");
  if (inference !== undefined) throw refuse("components.kserve", "no KServe, or routing: router");
  return { ...gateway, door: gateway.door };
}
