import { SlipwayError } from "../../../../http/errors.ts";
import type { Platform } from "../../../../spec/platform/platform.ts";
import type { DatabaseFacts, Facts, ObjectStoreFacts } from "../../facts.ts";
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
  /** Where people reach it; undefined where nothing says so. */
  url: string | undefined;
}

/** PLATFORM_IMAGE_MISSING when platform.yaml names none. */
export function needed(platform: Platform, { host, url }: SlipwayOptions, facts: Partial<Facts>): Needed {
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
    url: url === undefined ? gateway && `${gateway.listener}://${host}.${domain}` : new URL(url).origin,
    ...(modelDelivery && { application: `${modelDelivery.namespace}/${modelDelivery.application}` }),
  };
}
