import type { Platform } from "../../../../spec/platform/platform.ts";
import type { Endpoint, NetworkPath } from "../../component.ts";
import { apiServerPath } from "../parts/policies.ts";
import { NODES_WATCHED } from "./nodes.ts";
import { PORTS, operatedPods, ownPods } from "./place.ts";

const MESH_PORT = 9094;
const KUBELET_PORT = 10_250;

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
