import type { Platform } from "../../../spec/platform/platform.ts";
import type { PlannedObject } from "./object-plan.ts";

/** Who will notice: tenants, and services as `tenant/service`. */
export interface Touched {
  tenants: readonly string[];
  services: readonly string[];
}

/** Kinds whose change makes pods anew or moves traffic. */
const SERVING: ReadonlySet<string> = new Set([
  "Deployment",
  "StatefulSet",
  "InferenceService",
  "Service",
  "HTTPRoute",
  "HorizontalPodAutoscaler",
]);

/** The tenants in whose namespaces something changes, and the services whose own objects do. */
export function touchedBy(objects: readonly PlannedObject[], { tenants }: Platform): Touched {
  const changing = objects.filter(({ action }) => action !== "keep");
  const touched = tenants.filter(({ name }) => changing.some(({ identity }) => placeOf(identity) === name));
  const services = tenants.flatMap((tenant) =>
    tenant.services
      .filter(({ name }) =>
        changing.some(
          ({ identity }) =>
            identity.namespace === tenant.name &&
            SERVING.has(identity.kind) &&
            (identity.name === name || identity.name.startsWith(`${name}-`)),
        ),
      )
      .map(({ name }) => `${tenant.name}/${name}`),
  );
  return { tenants: touched.map(({ name }) => name), services };
}

function placeOf({ kind, namespace, name }: PlannedObject["identity"]): string | undefined {
  return kind === "Namespace" ? name : namespace;
}
