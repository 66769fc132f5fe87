import { DEFAULT_TENANT } from "../../http/identity.ts";
import { invalid } from "../wire/errors.ts";
import { foldName } from "../../store/blob-path.ts";
import { artifactPathOf, joinUri } from "./uri.ts";

/** The folder below the artifact root that holds the tenants' folders; MLflow's name for it. */
export const TENANTS_FOLDER = "workspaces";

/** Where a tenant's experiments put artifacts: the root itself, or `<root>/workspaces/<tenant>` as in MLflow. */
export function tenantRoot(artifactRoot: string, tenant: string): string {
  return tenant === DEFAULT_TENANT ? artifactRoot : joinUri(artifactRoot, TENANTS_FOLDER, tenant);
}

/** Whether a path below the artifact root is within a tenant's part of it. */
export function isOfTenant(path: string, tenant: string): boolean {
  if (tenant === DEFAULT_TENANT) return foldName(path.split("/", 1)[0] ?? "") !== TENANTS_FOLDER;
  return path.startsWith(`${TENANTS_FOLDER}/${tenant}/`);
}

/**
 * Path below the artifact root of a tenant's own run, experiment or model. Undefined when the files lie in another
 * store, or in another tenant's part of this one.
 */
export function ownArtifactPath(uri: string, tenant: string): string | undefined {
  const path = artifactPathOf(uri);
  return path !== undefined && isOfTenant(path, tenant) ? path : undefined;
}

/**
 * A caller's path within its tenant's part of the root, as in MLflow: `1/x` of the tenant `red` is
 * `workspaces/red/1/x`, which may be written out as well; another tenant's part is refused, whether it is there or not.
 * So a path alone tells whose it is: no lookup can be outdated, and nothing is learned about other tenants.
 */
export function pathOfTenant(path: string, tenant: string): string {
  const [first, named] = path.split("/", 2);
  if (first !== undefined && foldName(first) === TENANTS_FOLDER) {
    if (first === TENANTS_FOLDER && named === tenant) return path;
    throw invalid(`Artifact path '${path}' is not within the workspace '${tenant}' of the request.`);
  }
  if (tenant === DEFAULT_TENANT) return path;
  return path === "" ? `${TENANTS_FOLDER}/${tenant}` : `${TENANTS_FOLDER}/${tenant}/${path}`;
}

/** The tenant's whole part, which no single call may delete or write. */
export function isTenantRoot(path: string): boolean {
  return path === "" || path === TENANTS_FOLDER || /^workspaces\/[^/]*$/.test(path);
}
