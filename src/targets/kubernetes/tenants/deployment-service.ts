import type { InferenceService } from "../../../spec/platform/platform.ts";
import { CONFINED } from "../components/parts/place.ts";
import type { KubernetesObject } from "../object.ts";
import { SERVING } from "./accounts.ts";
import { serviceLabels } from "./labels.ts";
import { environment, ports, probes, resources } from "./server.ts";

/** An image that serves by itself, without KServe: a Deployment, a Service before it and an autoscaler. */
export function deploymentService(
  namespace: string,
  service: InferenceService,
  port: number,
): KubernetesObject[] {
  const { name } = service;
  const labels = serviceLabels(name);
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace, labels },
      // How many is the autoscaler's to say: a number here would undo it with every apply.
      spec: { selector: { matchLabels: labels }, template: podTemplate(service) },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace, labels },
      spec: { selector: labels, ports: [{ name: "http", port, targetPort: "http" }] },
    },
    autoscaler(namespace, service),
  ];
}

function podTemplate(service: InferenceService): object {
  const labels = serviceLabels(service.name);
  return {
    metadata: { labels },
    spec: {
      serviceAccountName: SERVING,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 30,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "kubernetes.io/hostname",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: labels },
        },
      ],
      containers: [
        {
          name: "server",
          image: service.image,
          ports: ports(service),
          resources: resources(service),
          ...environment(service),
          ...probes(service),
          securityContext: CONFINED,
          volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
        },
      ],
      volumes: [{ name: "tmp", emptyDir: { sizeLimit: "1Gi" } }],
    },
  };
}

/** `autoscaling/v1` has no list of metrics; `behavior` keeps it from falling as fast as it rises. */
function autoscaler(namespace: string, { name, scale }: InferenceService): KubernetesObject {
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name, namespace },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
      minReplicas: scale.min,
      maxReplicas: scale.max,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: scale.cpu } },
        },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 300 } },
    },
  };
}
