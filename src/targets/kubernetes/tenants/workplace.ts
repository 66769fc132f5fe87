import type { Platform, Tenant } from "../../../spec/platform/platform.ts";
import { namespaceOf } from "../serving/names.ts";

/** Where a tenant's workloads run: the namespace of that name. */
export type Workplace = Pick<Tenant, "name" | "services">;

/** Of the tenant that every platform has, whose projects name none. */
export function defaultWorkplace({ namespace }: Pick<Platform, "namespace">): Workplace {
  return { name: namespaceOf(namespace), services: [] };
}
