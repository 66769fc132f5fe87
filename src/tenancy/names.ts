import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";

/** MLflow's rule for workspaces, which is Kubernetes's for names (mlflow/store/workspace/abstract_store.py). */
const TENANT = /^[a-z0-9][-a-z0-9]{0,61}[a-z0-9]$/;
/** Taken by addresses of MLflow's server. */
const RESERVED: ReadonlySet<string> = new Set(["workspaces", "api", "ajax-api", "static-files"]);
const PERSON = /^[A-Za-z0-9][\w.@+-]{0,127}$/;
/** Callers that are nobody's account. */
const NOT_PEOPLE: ReadonlySet<string> = new Set(["local", "platform", "step", "nobody"]);

/** Throws unless a tenant could have this name. */
export function checkTenantName(name: string): void {
  if (name === DEFAULT_TENANT || (TENANT.test(name) && !RESERVED.has(name))) return;
  throw new SlipwayError("TENANT_NAME_INVALID", "no tenant can have this name", {
    given: name.slice(0, 100),
  });
}

/** Whether a person could have this name. */
export function isPersonName(name: string): boolean {
  return PERSON.test(name) && !NOT_PEOPLE.has(name.toLowerCase());
}

/** Throws unless a person could have this name. */
export function checkPersonName(name: string): void {
  if (isPersonName(name)) return;
  throw new SlipwayError("PERSON_NAME_INVALID", "no person can have this name", {
    given: name.slice(0, 150),
  });
}
