import { SlipwayError } from "../../../../http/errors.ts";
import type { Platform } from "../../../../spec/platform/platform.ts";
import type { DatabaseFacts, Facts, ObjectStoreFacts } from "../../facts.ts";

/** What it can't do without. */
export interface Needed {
  image: string;
  database: DatabaseFacts;
  store: ObjectStoreFacts;
  /** Steps of pipelines run as Argo Workflows. */
  hasWorkflows: boolean;
}

/** PLATFORM_IMAGE_MISSING when platform.yaml names none. */
export function needed({ images }: Platform, { database, objectStore, workflows }: Partial<Facts>): Needed {
  if (database === undefined || objectStore === undefined)
    throw new Error("slipway is rendered without a database and an object store, which it requires");
  const image = images["slipway"];
  if (image === undefined)
    throw new SlipwayError("PLATFORM_IMAGE_MISSING", "components.slipway has no image", {
      given: Object.keys(images).length === 0 ? "no images" : `images of ${Object.keys(images).join(", ")}`,
      allowed: "images.slipway with a digest, or a tag other than latest",
    });
  return { image, database, store: objectStore, hasWorkflows: workflows !== undefined };
}
