import type { Platform } from "../../../spec/platform/platform.ts";
import { SlipwayError } from "../../../http/errors.ts";
import { platformBoard } from "../boards/platform-board.ts";
import { rolloutBoard } from "../boards/rollout-board.ts";
import { tenantBoard } from "../boards/tenant-board.ts";
import type { BoardFile } from "../boards/board.ts";
import { defineComponent } from "../component.ts";
import type { ComponentContext, HealthCheck } from "../component.ts";
import type { Facts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { namespace, placed } from "./parts/place.ts";
import { watch } from "./parts/watch.ts";
import { ALERTMANAGER_WATCHED, alertSecrets, alertmanager } from "./prometheus/alertmanager.ts";
import { STATE_ACCESS, STATE_WATCHED, clusterState } from "./prometheus/cluster-state.ts";
import { grafana, grafanaFacts, grafanaSecrets } from "./prometheus/grafana.ts";
import { KUBELETS_EMIT, kubeletMonitor } from "./prometheus/kubelets.ts";
import { NODES_WATCHED, nodeExporter, nodeMonitor } from "./prometheus/nodes.ts";
import { OPERATOR_HEALTH, OPERATOR_WATCHED, operatorManifests } from "./prometheus/operator.ts";
import { prometheusOptions } from "./prometheus/options.ts";
import type { PrometheusOptions } from "./prometheus/options.ts";
import { boardsPath, networkOf, ownPaths } from "./prometheus/paths.ts";
import { API, MONITORING, NAME, NODES, operatedPods, pickedUpBy } from "./prometheus/place.ts";
import { NODE_ALERTS } from "./prometheus/rules/nodes.ts";
import {
  DATABASE_ALERTS,
  DELIVERY_ALERTS,
  MONITORING_ALERTS,
  certificateAlerts,
} from "./prometheus/rules/parts.ts";
import { ruleObject } from "./prometheus/rules/rule.ts";
import { SLIPWAY_ALERTS } from "./prometheus/rules/slipway.ts";
import { WORKLOAD_ALERTS } from "./prometheus/rules/workloads.ts";
import { PROMETHEUS_ACCESS, PROMETHEUS_WATCHED, prometheus as server } from "./prometheus/server.ts";

const FROM = ["components", "prometheus"] as const;
/** As `slipway platform verify` has it. */
const CERTIFICATE_DAYS = 14;
const SCRAPED = [PROMETHEUS_WATCHED, ALERTMANAGER_WATCHED, OPERATOR_WATCHED, STATE_WATCHED];

/**
 * Prometheus by its operator, with Alertmanager, Grafana, kube-state-metrics and the exporter of nodes as our own typed
 * objects: of the well-known chart of all of these neither the output nor the hundred rules could be held against what
 * emits their metrics.
 */
export const prometheus = defineComponent({
  name: "prometheus",
  summary: "Prometheus, Alertmanager and Grafana: metrics, alerts to whom they concern, boards.",
  options: prometheusOptions,
  locked: [
    "prometheus-operator",
    "prometheus",
    "alertmanager",
    "grafana",
    "kube-state-metrics",
    "node-exporter",
  ],
  publish: ({ platform, options }) => ({
    monitoring: { ...monitoringFacts(platform), ...grafanaFacts(options.grafana, platform.domain) },
  }),
  render: (context) => {
    const { platform, options, locked, facts: known } = context;
    refuseMailWithoutServer(platform, options);
    const facts = monitoringFacts(platform);
    const watched = watch(SCRAPED, facts);
    const { boards: shown } = grafanaFacts(options.grafana, platform.domain);
    const paths = [
      ...watched.paths,
      ...ownPaths(platform),
      ...boardsPath(known.gateway, shown !== undefined),
    ];
    return {
      objects: [
        ...placed(FROM, [
          namespace(MONITORING, "restricted"),
          namespace(NODES, "privileged"),
          ...server(platform.name, options, locked("prometheus")),
          ...clusterState(locked("kube-state-metrics")),
          ...nodeExporter(locked("node-exporter")),
          nodeMonitor(facts.monitorLabels),
          kubeletMonitor(facts.monitorLabels, options.verifyKubelets),
          ...watched.objects,
          ...networkOf(platform, paths),
          ...rules(context),
        ]),
        ...placed([...FROM, "receiver"], alertmanager(platform.name, options, locked("alertmanager"))),
        ...placed([...FROM, "grafana"], boards(context)),
      ],
      charts: [operatorManifests()],
      emits: [...watched.emits, KUBELETS_EMIT, ...watch([NODES_WATCHED], undefined).emits],
      paths,
      secrets: [...alertSecrets(options), ...grafanaSecrets(options)],
      access: [...PROMETHEUS_ACCESS, ...STATE_ACCESS],
      health: HEALTH,
    };
  },
});

function monitoringFacts({ name }: Platform): Facts["monitoring"] {
  const labels = pickedUpBy(name);
  return {
    pods: operatedPods("prometheus"),
    monitorLabels: labels,
    ruleLabels: labels,
    receiverLabels: labels,
  };
}

type Context = ComponentContext<PrometheusOptions>;

/** Rules on what isn't there would be rules on metrics that nobody emits. */
function rules({ platform, facts }: Context): KubernetesObject[] {
  const { name, components } = platform;
  const has = (component: string) => Object.hasOwn(components, component);
  return [
    ruleObject(name, "monitoring", MONITORING_ALERTS),
    ruleObject(name, "nodes", NODE_ALERTS),
    ruleObject(name, "workloads", WORKLOAD_ALERTS),
    ...(has("certManager") ? [ruleObject(name, "certificates", certificateAlerts(CERTIFICATE_DAYS))] : []),
    ...(facts.delivery?.engine === "argo-cd" ? [ruleObject(name, "delivery", DELIVERY_ALERTS)] : []),
    ...(facts.database?.endpoint.kind === "pods" ? [ruleObject(name, "database", DATABASE_ALERTS)] : []),
    ...(has("slipway") ? [ruleObject(name, "slipway", SLIPWAY_ALERTS)] : []),
  ];
}

function boards({ platform, options, facts, locked }: Context): KubernetesObject[] {
  const isThere = (component: string) => Object.hasOwn(platform.components, component);
  const files: BoardFile[] = [
    platformBoard({ slipway: isThere("slipway"), certificates: isThere("certManager") }),
    ...(isThere("slipway") ? [rolloutBoard()] : []),
    ...platform.tenants.map((tenant) => tenantBoard(tenant, facts.gateway?.traffic)),
  ];
  return grafana({
    options: options.grafana,
    domain: platform.domain,
    boards: files,
    image: locked("grafana"),
  });
}

/** An AlertmanagerConfig with a receiver that can't send would make the operator refuse all of them. */
function refuseMailWithoutServer({ tenants }: Platform, { receiver, smtp }: PrometheusOptions): void {
  if (smtp !== undefined) return;
  const byMail = [
    ...(receiver?.kind === "email" ? ["components.prometheus.receiver"] : []),
    ...tenants
      .filter(({ alerts }) => alerts.receiver?.kind === "email")
      .map(({ name }) => `tenants.${name}.alerts.receiver`),
  ];
  if (byMail.length === 0) return;
  throw new SlipwayError("PLATFORM_FILE_INVALID", "alerts go out by email, and there is no mail server", {
    given: byMail.join(", "),
    allowed: "components.prometheus.smtp beside it, or another receiver",
  });
}

const rolledOut = (kind: string, name: string, namespace: string): HealthCheck => ({
  apiVersion: "apps/v1",
  kind,
  namespace,
  name,
  condition: "rolledOut",
});

const HEALTH: HealthCheck[] = [
  OPERATOR_HEALTH,
  rolledOut("Deployment", "grafana", MONITORING),
  rolledOut("Deployment", "kube-state-metrics", MONITORING),
  rolledOut("DaemonSet", "node-exporter", NODES),
  { apiVersion: API, kind: "Prometheus", namespace: MONITORING, name: NAME, condition: "Available" },
  { apiVersion: API, kind: "Alertmanager", namespace: MONITORING, name: NAME, condition: "Available" },
];
