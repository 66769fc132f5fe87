import { SlipwayError } from "../../../http/errors.ts";
import type { VariantRef } from "../../../serving/backend.ts";

export function otherFiles({ service, version }: VariantRef): SlipwayError {
  return new SlipwayError("CONFLICT", `version ${version} of ${service} is prepared from other files`, {
    where: `version/${service}/${version}`,
  });
}

export function inUse({ service, version }: VariantRef): SlipwayError {
  return new SlipwayError("VARIANT_IN_USE", `traffic of ${service} goes to version ${version}`, {
    where: `version/${service}/${version}`,
  });
}

export function notPrepared({ service, version }: VariantRef): SlipwayError {
  return new SlipwayError("VARIANT_NOT_READY", `version ${version} of ${service} isn't prepared`);
}
