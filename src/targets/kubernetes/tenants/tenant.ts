import type { HealthCheck, RenderTenant, TenantContext } from "../component.ts";
import { namespace, placed } from "../components/parts/place.ts";
import { watch } from "../components/parts/watch.ts";
import type { KubernetesObject } from "../object.ts";
import { accountsOf, controlInTenant, stepsAccess } from "./accounts.ts";
import { alertsOf, receiverOf } from "./alerts.ts";
import { networkOf, tenantPaths } from "./network.ts";
import { peopleOf } from "./people.ts";
import { limitsOf, quotaOf } from "./quota.ts";
import { secretsOf } from "./secrets.ts";
import { serviceOf, watchedOf } from "./service.ts";

/**
 * A tenant: a namespace that is closed on both sides but for the paths it needs, with a quota, limits, rights for its
 * people and its workloads, its inference services, and its alerts on their way to it.
 */
export const renderTenant: RenderTenant = (context) => {
  const { platform, tenant, from, facts } = context;
  const watched = watch(
    tenant.services.flatMap((service) => watchedOf(tenant.name, service, facts)),
    facts.monitoring,
  );
  const paths = [...tenantPaths(platform, tenant, facts), ...watched.paths];
  const own: [string, KubernetesObject[]][] = [
    ["name", [home(context), ...accountsOf(tenant, facts)]],
    ["people", peopleOf(tenant, facts)],
    ["quota", [quotaOf(tenant), limitsOf(tenant)]],
    ["services", [...networkOf(platform, tenant, paths), ...watched.objects]],
    ["alerts", [...alertsOf(tenant, facts), ...receiverOf(tenant, facts)]],
  ];
  return {
    objects: [
      ...own.flatMap(([key, objects]) => placed([...from, key], objects)),
      ...tenant.services.flatMap((service, index) =>
        placed([...from, "services", index], serviceOf(platform, tenant, service, facts)),
      ),
    ],
    emits: watched.emits,
    paths,
    secrets: secretsOf(tenant, from),
    access: [...stepsAccess(tenant, facts), ...controlInTenant(tenant, facts)],
    health: health(context),
  };
};

function home({ tenant }: TenantContext): KubernetesObject {
  const made = namespace(tenant.name, "restricted");
  if (tenant.description === undefined) return made;
  return {
    ...made,
    metadata: { ...made.metadata, annotations: { "slipway.dev/description": tenant.description } },
  };
}

function health({ tenant }: TenantContext): HealthCheck[] {
  return tenant.services.map(({ name, runtime }) => ({
    ...(runtime === "kserve"
      ? { apiVersion: "serving.kserve.io/v1beta1", kind: "InferenceService", condition: "Ready" }
      : { apiVersion: "apps/v1", kind: "Deployment", condition: "rolledOut" }),
    namespace: tenant.name,
    name,
  }));
}
