import { createHash } from "node:crypto";
import { DEFAULT_TENANT } from "../../../http/identity.ts";
import type { VariantRef } from "../../../serving/backend.ts";

/** On everything that control makes of its own: who made it, of which service and version. */
export const MANAGED_BY = "app.kubernetes.io/managed-by";
export const MANAGER = "slipway-control";
export const VARIANT_LABEL = "slipway.dev/variant";
export const SERVICE_LABEL = "slipway.dev/service";
export const VERSION_LABEL = "slipway.dev/version";
/** Holds, as JSON, what an object was rendered from. */
export const RECORD = "slipway.dev/record";
/** Of the Secret, in each tenant's namespace, with its model pods' token. */
export const WORKER_SECRET = "slipway-worker";

export const FRAMES_PORT = 4620;
export const HTTP_PORT = 4621;
export const HTTP_PORT_NAME = "http";
/** The same port of a pod that asks callers for a token, as those behind a gateway do: no route leads to another pod's. */
export const DOOR_PORT_NAME = "door";

/** Where a tenant's workloads run: in the namespace of its name. */
export function namespaceOf(platform: string, tenant: string = DEFAULT_TENANT): string {
  return tenant === DEFAULT_TENANT ? `${platform}-default` : tenant;
}

/** Whose workloads run there. */
export function tenantIn(platform: string, namespace: string): string {
  return namespace === namespaceOf(platform) ? DEFAULT_TENANT : namespace;
}

/** Name of all objects of a variant: a DNS label that tells services apart whose names differ in case only. */
export function variantName({ service, version }: VariantRef): string {
  return `${slug(service, 30)}-v${version}`;
}

/** Name of the Deployment that KServe makes of a variant's InferenceService. */
export function kserveDeployment(ref: VariantRef): string {
  return `${variantName(ref)}-predictor`;
}

/** Of a service's own objects. */
export function serviceName(service: string): string {
  return slug(service, 40);
}

/** A service's name as a label's value: itself where that can be one. */
export function serviceLabel(service: string): string {
  return /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(service) ? service : slug(service, 40);
}

/** Lower case letters, digits and hyphens, with a hash where the name was another one. */
function slug(name: string, most: number): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^[^a-z]+|-+$/g, "")
    .slice(0, most)
    .replace(/-+$/, "");
  if (plain === name) return plain;
  const mark = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${plain === "" ? "m" : plain}-${mark}`;
}
