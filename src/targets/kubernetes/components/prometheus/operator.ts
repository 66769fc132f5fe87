import type { ChartUse, HealthCheck } from "../../component.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";
import { MONITORING } from "./place.ts";

const NAME = "prometheus-operator";

/** Source: pkg/operator/operator.go of the Prometheus operator. */
export const OPERATOR_WATCHED: Watched = {
  name: NAME,
  pods: { namespace: MONITORING, labels: { "app.kubernetes.io/name": NAME } },
  port: "http",
  number: 8080,
  metrics: families("counter", [
    "prometheus_operator_reconcile_operations_total{controller}",
    "prometheus_operator_reconcile_errors_total{controller}",
  ]),
};

export const OPERATOR_HEALTH: HealthCheck = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  namespace: MONITORING,
  name: NAME,
  condition: "rolledOut",
};

/**
 * The operator as its release's bundle has it, in our namespace. Kinds that nothing here uses are left out: the operator
 * looks at its start which there are. It also keeps the Service `kube-system/kubelet`.
 */
export function operatorManifests(): ChartUse {
  const moved = { metadata: { namespace: MONITORING } };
  const values = {
    without: ["thanosrulers", "prometheusagents", "probes", "scrapeconfigs"].map(
      (plural) => `CustomResourceDefinition/${plural}.monitoring.coreos.com`,
    ),
    // The bundle is made for the namespace `default`.
    over: {
      [`Deployment/${NAME}`]: moved,
      [`ServiceAccount/${NAME}`]: moved,
      [`Service/${NAME}`]: moved,
      [`ClusterRoleBinding/${NAME}`]: {
        subjects: [{ kind: "ServiceAccount", name: NAME, namespace: MONITORING }],
      },
    },
    resources: {
      [`${NAME}/${NAME}`]: { requests: { cpu: "50m", memory: "100Mi" }, limits: { memory: "256Mi" } },
    },
  };
  return { row: NAME, release: NAME, namespace: MONITORING, values, from: ["components", "prometheus"] };
}
