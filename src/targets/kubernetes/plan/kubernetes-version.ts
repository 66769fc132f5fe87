import { SlipwayError } from "../../../http/errors.ts";
import type { Rendered } from "../render/rendered.ts";

/** `1.36` of what an API server says of itself; its minor may have a plus behind it. */
export function servedVersion({ major, minor }: { major: string; minor: string }): string {
  return `${major}.${Number.parseInt(minor, 10)}`;
}

/** What of the platform doesn't support that version: `cert-manager (1.33 to 1.36)`. */
export function unfitFor(served: string, { locked }: Pick<Rendered, "locked">): string[] {
  return locked.flatMap(({ row, kubernetes }) => {
    if (kubernetes === undefined) return [];
    const { from, to } = kubernetes;
    return !isOlderThan(served, from) && !isOlderThan(to, served) ? [] : [`${row} (${from} to ${to})`];
  });
}

/**
 * KUBERNETES_UNFIT when the cluster is older than the file says, since what is rendered may name what it doesn't have, or when
 * it is of a version that a component doesn't support. A newer one that all support is only warned of.
 */
export function refuseKubernetes(version: { major: string; minor: string }, rendered: Rendered): void {
  const served = servedVersion(version);
  const written = rendered.platform.kubernetes.version;
  const unfit = unfitFor(served, rendered);
  const isOlder = isOlderThan(served, written);
  if (unfit.length === 0 && !isOlder) return;
  throw new SlipwayError(
    "KUBERNETES_UNFIT",
    unfit.length > 0
      ? `the cluster is Kubernetes ${served}, which isn't supported by ${unfit.join(", ")}`
      : `the cluster is Kubernetes ${served}, older than the file is written for`,
    {
      where: "kubernetes.version",
      given: `"${served}"`,
      ...(isOlder && { allowed: `"${written}" or newer` }),
    },
  );
}

/** Minor versions of the same major. */
export function isOlderThan(version: string, other: string): boolean {
  const minor = (text: string): number => Number(text.split(".")[1]);
  return minor(version) < minor(other);
}
