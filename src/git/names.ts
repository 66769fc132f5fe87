import { SlipwayError } from "../http/errors.ts";
import { LABEL, LABEL_WORDS } from "../spec/names.ts";

/** The environment repository's name; no project may have it. */
export const ENVIRONMENT = "environment";
/** The only branch of the environment repository, and a project's when it has one. */
export const MAIN = "refs/heads/main";

export type RepositoryKind = "project" | "environment";

export function kindOf(name: string): RepositoryKind {
  return name === ENVIRONMENT ? "environment" : "project";
}

export function isRepositoryName(name: string): boolean {
  return LABEL.test(name);
}

/** GIT_NAME_INVALID unless the name is a DNS label. */
export function checkRepositoryName(name: string): void {
  if (isRepositoryName(name)) return;
  throw new SlipwayError("GIT_NAME_INVALID", `${JSON.stringify(name)} can't be a repository's name`, {
    given: name,
    allowed: LABEL_WORDS,
  });
}

/** Git writes "no commit" as an object id of zeros, as long as its hash. */
export function isZero(objectId: string): boolean {
  return /^0+$/.test(objectId);
}

export function shortId(commit: string): string {
  return commit.slice(0, 10);
}
