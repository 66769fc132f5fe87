import type { Path } from "../../../spec/issue.ts";
import type { Platform } from "../../../spec/platform/platform.ts";
import type { ComponentOutput } from "../component.ts";
import { namespace, placed } from "../components/parts/place.ts";
import type { Facts } from "../facts.ts";
import { accountsOf, controlInTenant, stepsAccess } from "./accounts.ts";
import { networkOf, tenantPaths } from "./network.ts";
import { defaultWorkplace } from "./workplace.ts";

/** The default tenant's namespace: closed and with rights as any tenant's, without a quota, since no file states one. */
export function renderDefaultTenant(
  platform: Platform,
  from: Path,
  facts: Partial<Facts>,
): Required<Pick<ComponentOutput, "objects" | "paths" | "access">> {
  const place = defaultWorkplace(platform);
  const paths = tenantPaths(platform, place, facts);
  return {
    objects: placed(from, [
      namespace(place.name, "restricted"),
      ...accountsOf(place, facts),
      ...networkOf(platform, place, paths),
    ]),
    paths,
    access: [...stepsAccess(place, facts), ...controlInTenant(place, facts)],
  };
}
