import type { AccessUse } from "../../component.ts";
import type { LockEntry } from "../../lock.ts";
import type { KubernetesObject } from "../../object.ts";
import { accountWith, clusterAccess } from "../parts/access.ts";
import { CONFINED } from "../parts/place.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";
import { MONITORING, PORTS, ownPods } from "./place.ts";

const NAME = "kube-state-metrics";
const ACCOUNT = { namespace: MONITORING, name: NAME };
const { labels } = ownPods(NAME);
/** Reads no Secrets and no ConfigMaps: nothing here counts them. */
const KINDS: readonly (readonly [group: string, resources: string])[] = [
  ["", "pods nodes namespaces resourcequotas persistentvolumeclaims"],
  ["apps", "deployments statefulsets daemonsets"],
  ["batch", "jobs"],
  ["autoscaling", "horizontalpodautoscalers"],
];

export const STATE_ACCESS: readonly AccessUse[] = clusterAccess(
  ACCOUNT,
  KINDS.map(([group, resources]) => ["list watch", group, resources, "tell how objects are"] as const),
);

/** Source: docs/metrics of kube-state-metrics. */
export const STATE_WATCHED: Watched = {
  name: NAME,
  pods: ownPods(NAME),
  port: "http-metrics",
  number: PORTS.state,
  // They tell about others' namespaces, pods and containers.
  honorLabels: true,
  metrics: [
    ...families("counter", ["kube_pod_container_status_restarts_total{namespace,pod,container,uid}"]),
    ...families("gauge", [
      "kube_pod_status_phase{namespace,pod,phase,uid}",
      "kube_pod_status_ready{namespace,pod,condition,uid}",
      "kube_pod_container_status_waiting_reason{namespace,pod,container,reason,uid}",
      "kube_pod_container_status_last_terminated_reason{namespace,pod,container,reason,uid}",
      "kube_pod_container_resource_requests{namespace,pod,container,node,resource,unit,uid}",
      "kube_pod_container_resource_limits{namespace,pod,container,node,resource,unit,uid}",
      "kube_deployment_spec_replicas{namespace,deployment}",
      "kube_deployment_status_replicas_ready{namespace,deployment}",
      "kube_statefulset_replicas{namespace,statefulset}",
      "kube_statefulset_status_replicas_ready{namespace,statefulset}",
      "kube_daemonset_status_desired_number_scheduled{namespace,daemonset}",
      "kube_daemonset_status_number_ready{namespace,daemonset}",
      "kube_horizontalpodautoscaler_spec_max_replicas{namespace,horizontalpodautoscaler}",
      "kube_horizontalpodautoscaler_status_current_replicas{namespace,horizontalpodautoscaler}",
      "kube_resourcequota{namespace,resourcequota,resource,type}",
      "kube_job_status_failed{namespace,job_name,reason}",
      "kube_node_status_condition{node,condition,status}",
      "kube_node_status_allocatable{node,resource,unit}",
    ]),
  ],
};

/** How the objects of the cluster are, as metrics. */
export function clusterState(image: LockEntry): KubernetesObject[] {
  const probe = (path: string, port: string) => ({
    httpGet: { path, port },
    initialDelaySeconds: 5,
    timeoutSeconds: 5,
  });
  return [
    ...accountWith(ACCOUNT, "slipway-kube-state-metrics", STATE_ACCESS),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...ACCOUNT, labels: { ...labels } },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: { ...labels } },
          spec: {
            serviceAccountName: NAME,
            nodeSelector: { "kubernetes.io/os": "linux" },
            securityContext: { runAsUser: 65_534 },
            containers: [
              {
                name: NAME,
                image: `${image.source}:${image.version}`,
                args: [
                  `--resources=${KINDS.map(([, resources]) => resources.replaceAll(" ", ",")).join(",")}`,
                ],
                ports: [
                  { name: "http-metrics", containerPort: PORTS.state },
                  { name: "telemetry", containerPort: 8081 },
                ],
                resources: { requests: { cpu: "20m", memory: "64Mi" }, limits: { memory: "256Mi" } },
                securityContext: CONFINED,
                livenessProbe: probe("/livez", "http-metrics"),
                readinessProbe: probe("/readyz", "telemetry"),
              },
            ],
          },
        },
      },
    },
  ];
}
