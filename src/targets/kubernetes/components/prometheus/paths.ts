import type { Platform } from "../../../../spec/platform/platform.ts";
import type { Endpoint, NetworkPath, PodSelector } from "../../component.ts";
import type { GatewayFacts } from "../../facts.ts";
import type { KubernetesObject } from "../../object.ts";
import { apiServerPath, denyIn, openedIn } from "../parts/policies.ts";
import { NODES_WATCHED } from "./nodes.ts";
import { OPERATOR_WATCHED } from "./operator.ts";
import { MONITORING, PORTS, operatedPods, ownPods } from "./place.ts";

const MESH_PORT = 9094;
const KUBELET_PORT = 10_250;

/**
 * The namespace is closed to everyone but these paths: what Prometheus knows is of all tenants. Whom its pods talk to
 * isn't limited: they scrape every namespace, and where alerts go stands in Secrets.
 */
export function networkOf({ kubernetes }: Platform, paths: readonly NetworkPath[]): KubernetesObject[] {
  const taking: [string, PodSelector][] = [
    ["prometheus", operatedPods("prometheus")],
    ["alertmanager", operatedPods("alertmanager")],
    ["grafana", ownPods("grafana")],
    ["kube-state-metrics", ownPods("kube-state-metrics")],
    [OPERATOR_WATCHED.name, OPERATOR_WATCHED.pods],
  ];
  return [
    denyIn({ namespace: MONITORING, labels: {} }, "default-deny"),
    ...taking.flatMap(([name, pods]) => openedIn(name, pods, paths, kubernetes)),
  ];
}

/** From outside to the boards, where there is a gateway and somebody can sign in. */
export function boardsPath(gateway: GatewayFacts | undefined, hasBoards: boolean): NetworkPath[] {
  if (gateway === undefined || !hasBoards) return [];
  return [
    {
      from: { kind: "pods", pods: gateway.pods },
      to: { kind: "pods", pods: ownPods("grafana") },
      port: PORTS.grafana,
      why: "show boards",
    },
  ];
}

/** Who talks to whom in here; what is scraped elsewhere is stated by whoever is scraped. */
export function ownPaths({ kubernetes }: Platform): NetworkPath[] {
  const server: Endpoint = { kind: "pods", pods: operatedPods("prometheus") };
  const manager: Endpoint = { kind: "pods", pods: operatedPods("alertmanager") };
  const state: Endpoint = { kind: "pods", pods: ownPods("kube-state-metrics") };
  const boards: Endpoint = { kind: "pods", pods: ownPods("grafana") };
  const nodes: Endpoint = { kind: "outside", cidr: kubernetes.nodeCidr ?? "0.0.0.0/0" };
  return [
    { from: server, to: manager, port: PORTS.alertmanager, why: "send alerts" },
    ...(["TCP", "UDP"] as const).map((protocol) => ({
      from: manager,
      to: manager,
      port: MESH_PORT,
      protocol,
      why: "know what another one has sent",
    })),
    { from: boards, to: server, port: PORTS.prometheus, why: "draw boards" },
    {
      from: server,
      to: { kind: "pods", pods: NODES_WATCHED.pods },
      port: PORTS.nodes,
      why: "scrape metrics",
    },
    { from: server, to: nodes, port: KUBELET_PORT, why: "scrape kubelets" },
    apiServerPath(server, kubernetes, "find what is scraped"),
    apiServerPath(state, kubernetes, "tell how objects are"),
  ];
}
