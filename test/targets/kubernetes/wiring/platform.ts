import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { GivenThings, Platform } from "../../../../src/spec/platform/platform.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";

export const NOTHING_GIVEN: GivenThings = {
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

/** A rendering of these objects, and of nothing else. */
export function renderedOf(objects: readonly KubernetesObject[], more: Partial<Rendered> = {}): Rendered {
  const given = more.given ?? NOTHING_GIVEN;
  const platform: Platform = {
    name: "test",
    namespace: "slipway",
    kubernetes: { version: "1.36", dns: { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } } },
    domain: "ml.example.com",
    images: { web: "registry.example.com/web:1.0.0" },
    given,
    components: {},
    tenants: [],
  };
  return {
    platform,
    objects: objects.map((object) => ({ object, from: ["components", "slipway"], component: "slipway" })),
    charts: [],
    emits: [],
    paths: [],
    secrets: [],
    access: [],
    health: [],
    locked: [],
    given,
    ...more,
  };
}

/** Objects of a file with several documents. */
export function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

const KINDS: [apiVersion: string, ...kinds: string[]][] = [
  ["gateway.networking.k8s.io/v1", "GatewayClass", "Gateway", "HTTPRoute", "ReferenceGrant"],
  ["cert-manager.io/v1", "Certificate", "ClusterIssuer"],
  [
    "monitoring.coreos.com/v1",
    "Prometheus",
    "Alertmanager",
    "ServiceMonitor",
    "PodMonitor",
    "PrometheusRule",
  ],
  ["monitoring.coreos.com/v1alpha1", "AlertmanagerConfig"],
  ["serving.kserve.io/v1beta1", "InferenceService"],
  ["serving.kserve.io/v1alpha1", "ServingRuntime"],
  ["argoproj.io/v1alpha1", "WorkflowTemplate", "CronWorkflow", "AppProject", "Application"],
  ["source.toolkit.fluxcd.io/v1", "GitRepository"],
  ["kustomize.toolkit.fluxcd.io/v1", "Kustomization"],
  ["helm.toolkit.fluxcd.io/v2", "HelmRelease"],
  ["postgresql.cnpg.io/v1", "Cluster", "ScheduledBackup"],
  ["barmancloud.cnpg.io/v1", "ObjectStore"],
];

/** Everything wired to everything: whole.yaml, and what it counts on as given. */
export function whole(): Rendered {
  const text = readFileSync(new URL("whole.yaml", import.meta.url), "utf8");
  return renderedOf(objectsOf(text), {
    emits: [
      {
        component: "slipway",
        pods: { namespace: "apps", labels: { app: "web" } },
        port: "metrics",
        metrics: [
          { name: "web_requests_total", type: "counter", labels: ["code"] },
          { name: "web_seconds", type: "histogram", labels: [] },
        ],
      },
    ],
    paths: [
      {
        component: "slipway",
        from: { kind: "pods", pods: { namespace: "apps", labels: { app: "store" } } },
        to: { kind: "pods", pods: { namespace: "apps", labels: { app: "web" } } },
        port: 8080,
        why: "test",
      },
    ],
    given: {
      ...NOTHING_GIVEN,
      secrets: [
        { namespace: "apps", name: "registry", keys: [".dockerconfigjson"] },
        { namespace: "apps", name: "objects", keys: ["accessKeyId", "secretAccessKey"] },
        { namespace: "apps", name: "hook", keys: ["url"] },
        { namespace: "apps", name: "account", keys: ["username", "password"] },
      ],
      storageClasses: ["standard"],
      buckets: ["models"],
      definitions: KINDS.flatMap(([apiVersion, ...kinds]) => kinds.map((kind) => ({ apiVersion, kind }))),
    },
  });
}
