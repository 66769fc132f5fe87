import type { Path } from "../../../../spec/issue.ts";
import type { PlacedObject } from "../../component.ts";
import type { KubernetesObject } from "../../object.ts";

/** Objects whose wish stands at one place of platform.yaml. */
export function placed(from: Path, objects: readonly KubernetesObject[]): PlacedObject[] {
  return objects.map((object) => ({ object, from }));
}

/** Standards of Pod Security Admission: https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export type PodSecurity = "restricted" | "baseline" | "privileged";

/** A namespace that refuses pods below a standard; who needs one twice gets the same object. */
export function namespace(name: string, security: PodSecurity): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "pod-security.kubernetes.io/enforce": security } },
  };
}

/** Of a container that needs nothing of its node; passes the restricted standard. */
export const CONFINED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
} as const;
