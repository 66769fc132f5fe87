import { podsOf } from "../../../../src/targets/kubernetes/components/slipway/roles.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { namespaceOf } from "../../../../src/targets/kubernetes/serving/names.ts";

/** Keys of a Secret's values, by the Secret's name. */
export type Given = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The namespace of the default tenant's workloads. */
export function tenantNamespace(namespace: string): string {
  return namespaceOf(namespace);
}

/** What a person makes before a platform is applied: its namespace, and in it the Secrets that its file names. */
export function givenObjects(namespace: string, secrets: Given): KubernetesObject[] {
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...Object.entries(secrets).map(([name, stringData]) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace },
      stringData,
    })),
  ];
}

/** A way in of the tests' own, in the place of a load balancer: its address is known before the platform is there. */
export function door(namespace: string): KubernetesObject {
  const { labels } = podsOf(namespace, "serve");
  const ports = [
    { name: "http", port: 4600, targetPort: "http" },
    { name: "grpc", port: 4601, targetPort: "grpc" },
  ];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "door", namespace },
    spec: { selector: labels, ports },
  };
}
