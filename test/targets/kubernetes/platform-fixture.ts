import type { Clock } from "../../../src/base/clock.ts";
import type { Platform } from "../../../src/spec/platform/platform.ts";
import { ClusterClient } from "../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../src/targets/kubernetes/cluster/credentials.ts";
import { connect } from "../../../src/targets/kubernetes/cluster/transport.ts";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { compareObjects } from "../../../src/targets/kubernetes/render/order.ts";
import type { Rendered } from "../../../src/targets/kubernetes/render/rendered.ts";

/** Time that passes only by waiting. */
export class FakeClock implements Clock {
  time = 1_000_000;
  /** Called while something waits: what a controller does in the meantime. */
  meanwhile: () => void = () => {};
  now(): number {
    return this.time;
  }
  async sleep(ms: number): Promise<void> {
    this.time += ms;
    this.meanwhile();
  }
}

export function clientOf(server: string, clock: Clock): ClusterClient {
  const access = {
    context: "test",
    server: new URL(server),
    tls: { isInsecure: false },
    user: { token: "t" },
  };
  return new ClusterClient(
    connect(access, { credentials: new Credentials(access, { clock, env: {} }), clock }),
  );
}

const NOTHING_GIVEN = {
  namespaces: [],
  secrets: [],
  configMaps: [],
  services: [],
  serviceAccounts: [],
  storageClasses: [],
  gatewayClasses: [],
  definitions: [],
  metrics: [],
  buckets: [],
  hosts: [],
};

export function platformOf(name: string): Platform {
  return {
    name,
    namespace: "slipway",
    kubernetes: { version: "1.36", dns: { namespace: "kube-system", labels: {} } },
    domain: "ml.example.com",
    images: {},
    given: NOTHING_GIVEN,
    components: {},
    tenants: [],
  };
}

/** Objects as a platform's rendering, with the labels that make them ours. */
export function renderedOf(objects: readonly KubernetesObject[], name = "test"): Rendered {
  return {
    platform: platformOf(name),
    objects: objects
      .map((object) => ({
        object: {
          ...object,
          metadata: {
            ...object.metadata,
            labels: { ...object.metadata.labels, "slipway.dev/platform": name },
          },
        },
        component: "slipway",
        from: ["components", "slipway"],
      }))
      .sort((a, b) => compareObjects(a.object, b.object)),
    charts: [],
    emits: [],
    paths: [],
    secrets: [],
    access: [],
    health: [],
    locked: [],
    given: NOTHING_GIVEN,
  };
}

export const namespace = (name: string): KubernetesObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name },
});

export const configMap = (name: string, data: Record<string, string>): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "slipway" },
  data,
});

export const deployment = (name: string, image: string, replicas = 2): KubernetesObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "slipway" },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [{ name: "main", image, resources: { requests: { cpu: "500m", memory: "1Gi" } } }],
      },
    },
  },
});

export const definition = (kind: string): KubernetesObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${kind.toLowerCase()}s.example.com` },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind, plural: `${kind.toLowerCase()}s` },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
          },
        },
      },
    ],
  },
});

export const custom = (kind: string, name: string, spec: Record<string, unknown> = {}): KubernetesObject => ({
  apiVersion: "example.com/v1",
  kind,
  metadata: { name, namespace: "slipway" },
  spec,
});
