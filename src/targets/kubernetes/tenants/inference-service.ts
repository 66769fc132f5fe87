import type { InferenceService } from "../../../spec/platform/platform.ts";
import { CONFINED } from "../components/parts/place.ts";
import type { KubernetesObject } from "../object.ts";
import { SERVING } from "./accounts.ts";
import { serviceLabels } from "./labels.ts";
import { environment, ports, probes, resources } from "./server.ts";

/** KServe's own runtimes by format: named, since several load the same format and speak differently. */
const RUNTIMES: Readonly<Record<string, string>> = {
  huggingface: "kserve-huggingfaceserver",
  lightgbm: "kserve-lgbserver",
  onnx: "kserve-tritonserver",
  paddle: "kserve-paddleserver",
  pmml: "kserve-pmmlserver",
  sklearn: "kserve-sklearnserver",
  xgboost: "kserve-xgbserver",
};

/**
 * In Standard mode: KServe makes a Deployment, a Service and an autoscaler of it. No `canaryTrafficPercent`, which does
 * nothing in this mode: a challenger is an InferenceService of its own, and the weights are the route's.
 */
export function inferenceService(
  namespace: string,
  service: InferenceService,
  withRuntimes: boolean,
): KubernetesObject {
  const { name, scale } = service;
  return {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: {
      name,
      namespace,
      labels: serviceLabels(name),
      annotations: {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "hpa",
      },
    },
    spec: {
      predictor: {
        minReplicas: scale.min,
        maxReplicas: Math.max(scale.min, scale.max),
        scaleMetric: "cpu",
        scaleTarget: scale.cpu,
        serviceAccountName: SERVING,
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        ...server(service, withRuntimes),
      },
    },
  };
}

function server(service: InferenceService, withRuntimes: boolean): object {
  const { image, model } = service;
  const common = {
    ports: ports(service),
    resources: resources(service),
    ...environment(service),
    ...probes(service),
  };
  if (model === undefined)
    return {
      // KServe looks for the container of this name.
      containers: [
        {
          name: "kserve-container",
          image,
          securityContext: CONFINED,
          ...common,
          volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
        },
      ],
      volumes: [{ name: "tmp", emptyDir: { sizeLimit: "1Gi" } }],
    };
  const runtime = withRuntimes ? RUNTIMES[model.format] : undefined;
  return {
    model: {
      modelFormat: { name: model.format },
      protocolVersion: "v2",
      storageUri: model.uri,
      ...(runtime === undefined ? {} : { runtime }),
      ...common,
    },
  };
}
