import { z } from "zod";
import { defineComponent } from "../../../../src/targets/kubernetes/component.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { proveWiring } from "../../../../src/targets/kubernetes/wiring/prove.ts";
import { small } from "../components/platform.ts";

const MONITORING = { namespace: "monitoring", labels: { app: "prometheus" } };

/** Whoever scrapes, and nothing else of it: tenants know no more of Prometheus than what it publishes. */
const prometheus = defineComponent({
  name: "prometheus",
  summary: "Stands in for Prometheus.",
  options: z.strictObject({}),
  locked: [],
  publish: () => ({
    monitoring: {
      pods: MONITORING,
      monitorLabels: { watched: "true" },
      ruleLabels: { rules: "true" },
      receiverLabels: { receivers: "true" },
    },
  }),
  render: () => ({
    objects: [
      { object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "monitoring" } }, from: [] },
      {
        object: {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: "prometheus", namespace: "monitoring" },
          spec: {
            selector: { matchLabels: MONITORING.labels },
            template: {
              metadata: { labels: MONITORING.labels },
              spec: { containers: [{ name: "prometheus", image: "registry.example.com/prometheus:1" }] },
            },
          },
        },
        from: [],
      },
    ],
  }),
});

const PLATFORM = `images:
  slipway: registry.example.com/slipway:1.0.0
  prometheus: registry.example.com/prometheus:1
given:
  secrets:
    - { namespace: slipway, name: database, keys: [url] }
    - { namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }
    - { namespace: slipway, name: slipway-internal, keys: [token] }
    - { namespace: slipway, name: slipway-admin, keys: [token] }
    - { namespace: team-a, name: features, keys: [token] }
    - { namespace: team-a, name: alerts, keys: [url] }
    - { namespace: team-b, name: models, keys: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY] }
  definitions:
    - { apiVersion: monitoring.coreos.com/v1, kind: PodMonitor }
    - { apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule }
    - { apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor }
    - { apiVersion: monitoring.coreos.com/v1alpha1, kind: AlertmanagerConfig }
components:
  certManager: {}
  gateway: {}
  objectStore: { endpoint: "https://s3.example.com", bucket: models, credentials: { secret: objects } }
  postgresql: { url: { secret: database, key: url } }
  argoWorkflows: {}
  kserve: {}
  prometheus: {}
  slipway: {}
tenants:
  - name: team-a
    people: { admins: ["user:ana"], members: ["group:team-a"], viewers: ["group:everyone"] }
    quota: { cpu: 8, memory: 16Gi, pods: 40, storage: 50Gi }
    services:
      - name: fraud
        image: registry.example.com/fraud:1.4.2
        metrics: [inference_requests_total]
        secrets: { TOKEN: { secret: features, key: token } }
    alerts: { receiver: { webhook: { secret: alerts, key: url } }, latencyP95: 200ms, errorRate: 2% }
  - name: team-b
    quota: { cpu: 4, memory: 8Gi, pods: 20 }
    services: [{ name: iris, model: { format: sklearn, uri: "s3://models/iris" } }]
`;

/** Two tenants on a platform of everything that they can be connected with; `edit` writes in its text. */
export function twoTenants(edit: (text: string) => string = (text) => text): Rendered {
  return small(edit(PLATFORM), [prometheus]);
}

export function objectIn(
  rendered: Rendered,
  kind: string,
  namespace: string,
  name: string,
): KubernetesObject {
  const found = rendered.objects.find(
    ({ object: { kind: own, metadata } }) =>
      own === kind && metadata.namespace === namespace && metadata.name === name,
  );
  if (found === undefined) throw new Error(`there is no ${kind} ${namespace}/${name}`);
  return found.object;
}

/** Codes of what the proof finds broken once the objects are changed; `change` gives undefined for one that goes away. */
export function brokenBy(
  rendered: Rendered,
  change: (object: KubernetesObject) => KubernetesObject | undefined,
): string[] {
  const objects = rendered.objects.flatMap((one) => {
    const object = change(one.object);
    return object === undefined ? [] : [{ ...one, object }];
  });
  const found = proveWiring({ ...rendered, objects }, "1.36").filter(({ severity }) => severity === "error");
  return found.map(({ code, message }) => `${code}: ${message}`);
}
