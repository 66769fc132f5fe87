import { DEFAULT_TENANT } from "../../http/identity.ts";
import { joinUri } from "./uri.ts";

/** The folder below the artifact root that holds the tenants' folders; MLflow's name for it. */
export const TENANTS_FOLDER = "workspaces";

/** Where a tenant's experiments put artifacts: the root itself, or `<root>/workspaces/<tenant>` as in MLflow. */
export function tenantRoot(artifactRoot: string, tenant: string): string {
  return tenant === DEFAULT_TENANT ? artifactRoot : joinUri(artifactRoot, TENANTS_FOLDER, tenant);
}

/** Whether a path below the artifact root is within a tenant's part of it. */
export function isOfTenant(path: string, tenant: string): boolean {
  if (tenant === DEFAULT_TENANT) return path !== TENANTS_FOLDER && !path.startsWith(`${TENANTS_FOLDER}/`);
  return path.startsWith(`${TENANTS_FOLDER}/${tenant}/`);
}
