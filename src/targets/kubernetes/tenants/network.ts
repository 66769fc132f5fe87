import type { InferenceService, Platform } from "../../../spec/platform/platform.ts";
import type { Endpoint, NetworkPath, PodSelector } from "../component.ts";
import { apiServerPath, denyAll, dnsPaths, opened } from "../components/parts/policies.ts";
import { callersPath, countsPath, modelPods, modelsPath } from "../components/slipway/network.ts";
import type { Facts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { podsOf } from "./labels.ts";
import { readsStore } from "./secrets.ts";
import type { Workplace } from "./workplace.ts";

/** Paths into and out of a tenant that the wiring needs, but for the scraping, which what is watched states. */
export function tenantPaths(
  { kubernetes }: Platform,
  { name, services }: Workplace,
  { tracking, objectStore, workflows, gateway }: Partial<Facts>,
): NetworkPath[] {
  const anyone: Endpoint = { kind: "pods", pods: everyPod(name) };
  const paths = dnsPaths(anyone);
  if (tracking !== undefined)
    paths.push({
      from: anyone,
      to: { kind: "pods", pods: tracking.serve },
      port: tracking.port,
      why: "track runs, fetch models",
    });
  if (tracking !== undefined) paths.push(modelsPath({ kind: "pods", pods: tracking.serve }, name));
  if (tracking?.isGatewayRouted === true && gateway !== undefined)
    paths.push(
      countsPath({ kind: "pods", pods: tracking.control }, name),
      callersPath({ kind: "pods", pods: gateway.pods }, name),
    );
  if (objectStore !== undefined)
    paths.push({
      from: anyone,
      to: objectStore.network,
      port: objectStore.port,
      why: "read and write artifacts",
    });
  // A step of a pipeline tells the API server what became of it. Steps are made as they run, under no label of ours.
  if (workflows !== undefined) paths.push(apiServerPath(anyone, kubernetes, "run the steps of a pipeline"));
  for (const service of services) {
    const to: Endpoint = { kind: "pods", pods: podsOf(name, service.name) };
    const { port } = service;
    if (loadsFromInternet(service))
      paths.push({ from: to, to: { kind: "outside", cidr: "0.0.0.0/0" }, port: 443, why: "load its model" });
    if (gateway !== undefined)
      paths.push({ from: { kind: "pods", pods: gateway.pods }, to, port, why: "requests from outside" });
    if (tracking !== undefined)
      paths.push({
        from: { kind: "pods", pods: tracking.control },
        to,
        port,
        why: "check a version before it gets traffic",
      });
  }
  return paths;
}

/** All of a tenant is closed; every path that is needed is opened by name, and nothing else. */
export function networkOf(
  { kubernetes }: Platform,
  { name, services }: Workplace,
  paths: readonly NetworkPath[],
): KubernetesObject[] {
  return [
    denyAll(everyPod(name)),
    ...opened("workloads", everyPod(name), paths, kubernetes),
    ...opened("models", modelPods(name), paths, kubernetes),
    ...services.flatMap((service) => [
      ...opened(`service-${service.name}`, podsOf(name, service.name), paths, kubernetes),
      ...(loadsFromInternet(service) ? [loading(podsOf(name, service.name))] : []),
    ]),
  ];
}

function loadsFromInternet(service: InferenceService): boolean {
  return service.model !== undefined && !readsStore(service) && !service.model.uri.startsWith("pvc://");
}

/** Ranges that aren't the internet: the cluster, its neighbours, and the address where clouds hand out credentials. */
const PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];

/** A model that lies on the internet is fetched from there, by the pods of its service alone. */
function loading({ namespace, labels }: PodSelector): KubernetesObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `load-${labels["slipway.dev/service"]}`, namespace },
    spec: {
      podSelector: { matchLabels: { ...labels } },
      policyTypes: ["Egress"],
      egress: [
        {
          to: [{ ipBlock: { cidr: "0.0.0.0/0", except: PRIVATE } }],
          ports: [{ protocol: "TCP", port: 443 }],
        },
      ],
    },
  };
}

function everyPod(namespace: string): PodSelector {
  return { namespace, labels: {} };
}
