/** A name that can be part of a host name (RFC 1035 label): what DNS, Kubernetes and a folder all take. */
export const LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const LABEL_WORDS =
  "1 to 63 lower-case letters, digits and hyphens, from a letter to a letter or digit";

/** `environment` would collide with the environment repository, which lies beside the projects'. */
export const RESERVED_PROJECT_NAMES: readonly string[] = ["environment"];
