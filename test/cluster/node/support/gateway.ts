import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { traefik, TRAEFIK } from "../../../../src/targets/kubernetes/components/gateway/traefik.ts";
import { VERSIONS } from "../../../../src/targets/kubernetes/versions.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "../../support/definitions.ts";
import { removeNamespaces } from "../../support/objects.ts";
import { testNode } from "./node.ts";
import { becomes, make } from "./pods.ts";

const API = "gateway.networking.k8s.io";
const NAME = "platform";
/** Traefik serves a listener on an entry point of the same port. */
const LISTENER = { name: "http", protocol: "HTTP", port: TRAEFIK.ports.http };

const CHARTS = new URL("../../../../examples/platforms/charts", import.meta.url);
const BUILT = "slipway.local/traefik:test";

/**
 * What a platform's component `gateway` takes: the definitions beside its file, as `platform lock` keeps them, and an image by
 * the name that the component gives it.
 */
export function haveGatewayIn(folder: string): void {
  cpSync(fileURLToPath(CHARTS), join(folder, "charts"), {
    recursive: true,
    filter: (path) => path.endsWith("charts") || path.includes("/gateway-api-"),
  });
  const { ctr, socket } = testNode();
  const locked = VERSIONS.find(({ row }) => row === "traefik");
  if (ctr === undefined || socket === undefined || locked === undefined)
    throw new Error("there is no node to give Traefik's image to: npm run test:cluster");
  const tag = ["-a", socket, "-n", "k8s.io", "images", "tag", "--force", BUILT];
  const { status, stderr } = spawnSync(ctr, [...tag, `${locked.source}:${locked.version}`]);
  if (status !== 0) throw new Error(`Traefik's image: ${stderr.toString().slice(-500)}`);
}

/** Where this machine reaches the gateway, past its Service. */
export async function gatewayAddress(cluster: TestCluster): Promise<string> {
  const path = `/api/v1/namespaces/${TRAEFIK.namespace}/services/traefik`;
  const service = await cluster.get<{ spec: { clusterIP: string } }>(path);
  return `http://${service?.spec.clusterIP ?? ""}`;
}

/** A real gateway: the Gateway API, Traefik as the platform's component renders it, and one Gateway. */
export interface InstalledGateway {
  name: string;
  namespace: string;
  listener: string;
  /** Where this machine reaches it, past its Service. */
  url: URL;
  remove(): Promise<void>;
}

/** @param hostname of its one listener, as in `*.example.com` */
export async function installGateway(cluster: TestCluster, hostname: string): Promise<InstalledGateway> {
  const { namespace, className, controllerName } = TRAEFIK;
  const made = await installDefinitions(cluster, definitions(["gateway-api"]));
  const image = { source: "slipway.local/traefik", version: "test" } as Parameters<typeof traefik>[1];
  const { objects } = traefik({ replicas: 1, service: "ClusterIP" }, image);
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await make(
    cluster,
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } },
    ...objects,
  );
  await make(
    cluster,
    {
      apiVersion: `${API}/v1`,
      kind: "GatewayClass",
      metadata: { name: className },
      spec: { controllerName },
    },
    {
      apiVersion: `${API}/v1`,
      kind: "Gateway",
      metadata: { name: NAME, namespace },
      spec: {
        gatewayClassName: className,
        listeners: [{ ...LISTENER, hostname, allowedRoutes: { namespaces: { from: "All" } } }],
      },
    } as KubernetesObject,
  );
  const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/traefik`;
  await becomes<{ status?: { readyReplicas?: number } }>(
    cluster,
    deployment,
    ({ status }) => status?.readyReplicas === 1,
  );
  await becomes<{ status?: { conditions?: { type: string; status: string }[] } }>(
    cluster,
    `/apis/${API}/v1/namespaces/${namespace}/gateways/${NAME}`,
    ({ status }) =>
      status?.conditions?.some((one) => one.type === "Programmed" && one.status === "True") === true,
  );
  return {
    name: NAME,
    namespace,
    listener: LISTENER.name,
    url: new URL(await gatewayAddress(cluster)),
    async remove() {
      await removeNamespaces(cluster, [namespace]);
      for (const { kind, metadata } of objects)
        if (kind.startsWith("ClusterRole"))
          await cluster.send({
            method: "DELETE",
            path: `/apis/rbac.authorization.k8s.io/v1/${kind.toLowerCase()}s/${metadata.name}`,
          });
      await cluster.send({ method: "DELETE", path: `/apis/${API}/v1/gatewayclasses/${className}` });
      await removeDefinitions(cluster, made);
    },
  };
}
