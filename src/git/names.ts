import { SlipwayError } from "../http/errors.ts";

/** A DNS label, as RFC 1123 has it: the name becomes a host name and a Kubernetes object later. */
const PROJECT_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The environment repository's name; no project may have it. */
export const ENVIRONMENT = "environment";
/** The only branch of the environment repository, and a project's when it has one. */
export const MAIN = "refs/heads/main";

export type RepositoryKind = "project" | "environment";

export function kindOf(name: string): RepositoryKind {
  return name === ENVIRONMENT ? "environment" : "project";
}

export function isRepositoryName(name: string): boolean {
  return PROJECT_NAME.test(name);
}

/** GIT_NAME_INVALID unless the name is a DNS label. */
export function checkRepositoryName(name: string): void {
  if (isRepositoryName(name)) return;
  throw new SlipwayError("GIT_NAME_INVALID", `${JSON.stringify(name)} can't be a repository's name`, {
    given: name,
    allowed: "1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends",
  });
}

/** Git writes "no commit" as an object id of zeros, as long as its hash. */
export function isZero(objectId: string): boolean {
  return /^0+$/.test(objectId);
}

export function shortId(commit: string): string {
  return commit.slice(0, 10);
}
