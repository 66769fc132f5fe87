import { CONFINED } from "../../../../src/targets/kubernetes/components/parts/place.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "../../support/definitions.ts";
import { removeNamespaces } from "../../support/objects.ts";
import { becomes, make } from "./pods.ts";
import { ARGO_CD as NAMESPACE } from "./platform-file.ts";

const CONTROLLER = "argocd-application-controller";
const READER = "argocd-repo-server";
const REDIS = "argocd-redis";
const IMAGE = "slipway.local/argocd:test";
const PART_OF = { "app.kubernetes.io/part-of": "argocd" };

interface Counted {
  status?: { readyReplicas?: number; replicas?: number };
}

/** The real Argo CD, its parts as pods, without a console. */
export interface InstalledArgoCd {
  /** Ends its controller, and resolves when no pod of it is left. */
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Installs it: as its own manifests do, but for what only its console and other kinds of sources need. */
export async function installArgoCd(cluster: TestCluster): Promise<InstalledArgoCd> {
  const made = await installDefinitions(cluster, definitions(["argo-cd"]));
  await make(cluster, ...objects());
  const path = (name: string) => `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`;
  const scale = async (replicas: number): Promise<void> => {
    await cluster.send({
      method: "PATCH",
      path: path(CONTROLLER),
      contentType: "application/merge-patch+json",
      body: { spec: { replicas } },
    });
    await becomes<Counted>(
      cluster,
      path(CONTROLLER),
      ({ status }) => (status?.readyReplicas ?? 0) === replicas && (status?.replicas ?? 0) === replicas,
    );
  };
  for (const name of [REDIS, READER, CONTROLLER])
    await becomes<Counted>(cluster, path(name), ({ status }) => status?.readyReplicas === 1);
  return {
    stop: () => scale(0),
    start: () => scale(1),
    async remove() {
      const binding = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${CONTROLLER}`;
      await cluster.send({ method: "DELETE", path: binding });
      await removeNamespaces(cluster, [NAMESPACE]);
      await removeDefinitions(cluster, made);
    },
  };
}

/** How it reads a repository: a Secret that a person makes. */
export function repositorySecret(url: string, password: string): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "slipway-environment",
      namespace: NAMESPACE,
      labels: { "argocd.argoproj.io/secret-type": "repository" },
    },
    stringData: { type: "git", url, username: "argocd", password },
  };
}

function objects(): KubernetesObject[] {
  const account = { name: CONTROLLER, namespace: NAMESPACE };
  const rbac = "rbac.authorization.k8s.io";
  const config = (name: string, data: Record<string, string> = {}): KubernetesObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: NAMESPACE, labels: PART_OF },
    data,
  });
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: CONTROLLER },
      // Its own manifests give it everything, too.
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
    config("argocd-cm", { "application.resourceTrackingMethod": "annotation" }),
    ...["rbac", "cmd-params", "ssh-known-hosts", "tls-certs", "gpg-keys"].map((name) =>
      config(`argocd-${name}-cm`),
    ),
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "argocd-secret", namespace: NAMESPACE, labels: PART_OF },
      stringData: { "server.secretkey": "of a test, and of nobody's console" },
    },
    ...served(REDIS, 6379, { image: "slipway.local/redis:test" }),
    ...served(READER, 8081, {
      image: IMAGE,
      args: ["--redis", `${REDIS}:6379`, "--disable-tls"],
      env: program(READER),
    }),
    deployment(
      CONTROLLER,
      {
        image: IMAGE,
        args: ["--redis", `${REDIS}:6379`, "--repo-server", `${READER}:8081`, "--repo-server-plaintext"],
        env: program(CONTROLLER),
        readinessProbe: { httpGet: { path: "/healthz", port: 8082 }, periodSeconds: 1 },
      },
      CONTROLLER,
    ),
  ];
}

/** One program is all of its parts. */
function program(name: string): object[] {
  return Object.entries({
    ARGOCD_BINARY_NAME: name,
    ARGOCD_GPG_ENABLED: "false",
    ARGOCD_GIT_MODULES_ENABLED: "false",
    HOME: "/tmp",
    USER: "argocd",
  }).map(([name, value]) => ({ name, value }));
}

function served(name: string, port: number, container: object): KubernetesObject[] {
  const readinessProbe = { tcpSocket: { port }, periodSeconds: 1 };
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: NAMESPACE },
      spec: { selector: { "app.kubernetes.io/name": name }, ports: [{ port }] },
    },
    deployment(name, { ...container, readinessProbe }),
  ];
}

function deployment(name: string, container: object, serviceAccountName?: string): KubernetesObject {
  const labels = { "app.kubernetes.io/name": name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: NAMESPACE, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          ...(serviceAccountName === undefined
            ? { automountServiceAccountToken: false }
            : { serviceAccountName }),
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 5,
          securityContext: { runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
          containers: [
            {
              name,
              ...container,
              securityContext: CONFINED,
              volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
            },
          ],
          volumes: [{ name: "tmp", emptyDir: {} }],
        },
      },
    },
  };
}
