import type { InferenceService, Platform, Tenant } from "../../../spec/platform/platform.ts";
import type { MetricFamily } from "../component.ts";
import { families } from "../components/parts/watch.ts";
import type { Watched } from "../components/parts/watch.ts";
import type { Facts, GatewayFacts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { deploymentService } from "./deployment-service.ts";
import { inferenceService } from "./inference-service.ts";
import { podsOf } from "./labels.ts";

/** Of the Service before the pods. */
const SERVICE_PORT = 80;

/** An inference service: what runs it, how it is reached, and that it stays while a node is emptied. */
export function serviceOf(
  platform: Platform,
  tenant: Tenant,
  service: InferenceService,
  { gateway, inference }: Partial<Facts>,
): KubernetesObject[] {
  return [
    ...(service.runtime === "kserve"
      ? [inferenceService(tenant.name, service, inference?.ownRuntimes === true)]
      : deploymentService(tenant.name, service, SERVICE_PORT)),
    ...(service.scale.min > 1 ? [disruptionBudget(tenant.name, service.name)] : []),
    ...(gateway === undefined ? [] : [route(platform, tenant.name, service, gateway)]),
  ];
}

/** KServe makes the predictor's Service under this name. */
export function kubernetesService({ name, runtime }: InferenceService): { name: string; port: number } {
  return { name: runtime === "kserve" ? `${name}-predictor` : name, port: SERVICE_PORT };
}

function disruptionBudget(namespace: string, name: string): KubernetesObject {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace },
    spec: { maxUnavailable: 1, selector: { matchLabels: podsOf(namespace, name).labels } },
  };
}

/**
 * A tenant has one host name, and its services the paths of the Open Inference Protocol below it: one label, so that
 * the platform's certificate holds for it, and no two tenants can meet. A rollout adds its challenger's backend.
 */
function route(
  { domain }: Platform,
  tenant: string,
  service: InferenceService,
  gateway: GatewayFacts,
): KubernetesObject {
  const { name } = service;
  const prefix = (value: string) => ({ path: { type: "PathPrefix", value } });
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace: tenant },
    spec: {
      parentRefs: [{ name: gateway.name, namespace: gateway.namespace, sectionName: gateway.listener }],
      hostnames: [`${tenant}.${domain}`],
      rules: [
        {
          matches: [
            prefix(`/v2/models/${name}`),
            prefix(`/v1/models/${name}`),
            // A prefix ends at a slash, and this one goes on with a colon.
            { path: { type: "Exact", value: `/v1/models/${name}:predict` } },
          ],
          backendRefs: [{ ...kubernetesService(service), weight: 100 }],
        },
      ],
    },
  };
}

/** Formats that a Python server of KServe's own loads. */
const PYTHON_FORMATS = new Set(["sklearn", "xgboost", "lightgbm", "pmml", "paddle", "huggingface"]);

/** What is scraped off a service; nothing when it isn't known to emit anything. */
export function watchedOf(
  tenant: string,
  service: InferenceService,
  { inference }: Partial<Facts>,
): Watched[] {
  const isPython = PYTHON_FORMATS.has(service.model?.format ?? "") && inference?.ownRuntimes === true;
  const metrics = [...stated(service), ...(isPython ? PYTHON_METRICS : [])];
  if (metrics.length === 0) return [];
  const { name, port, paths } = service;
  return [{ name, pods: podsOf(tenant, name), port: "http", number: port, path: paths.metrics, metrics }];
}

/** The file names metrics without their types: each is taken for whatever it may be. */
function stated({ metrics }: InferenceService): MetricFamily[] {
  return [...families("gauge", metrics), ...families("histogram", metrics)];
}

/** Source: python/kserve/kserve/metrics.py of KServe. */
const PYTHON_METRICS: readonly MetricFamily[] = families("histogram", [
  "request_preprocess_seconds{model_name}",
  "request_predict_seconds{model_name}",
  "request_postprocess_seconds{model_name}",
  "request_explain_seconds{model_name}",
]);
