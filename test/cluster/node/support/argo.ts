import { CONFINED } from "../../../../src/targets/kubernetes/components/parts/place.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "../../support/definitions.ts";
import { becomes, make } from "./pods.ts";

const NAMESPACE = "argo";
const NAME = "workflow-controller";
const CONFIG = "workflow-controller-configmap";
const EXECUTOR = "slipway.local/argoexec:test";
const ACCOUNT = { kind: "ServiceAccount", name: NAME, namespace: NAMESPACE };

/** The real Argo Workflows, its controller as a pod; a cluster that has its kinds has it already. */
export async function installArgoWorkflows(cluster: TestCluster): Promise<{ remove: () => Promise<void> }> {
  const made = await installDefinitions(cluster, definitions(["argo-workflows"]));
  if (made.length === 0) return { remove: async () => {} };
  await make(cluster, ...objects());
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`;
  await becomes<{ status?: { readyReplicas?: number } }>(
    cluster,
    path,
    ({ status }) => status?.readyReplicas === 1,
  );
  const remove = async (): Promise<void> => {
    const binding = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${NAME}`;
    for (const gone of [binding, `/api/v1/namespaces/${NAMESPACE}`])
      await cluster.send({ method: "DELETE", path: gone });
    await removeDefinitions(cluster, made);
  };
  return { remove };
}

/** What Argo's executor needs in a namespace with workflows, for their service account. */
export function executorAccess(namespace: string, account: string): KubernetesObject[] {
  const metadata = { name: "argo-executor", namespace };
  const rbac = "rbac.authorization.k8s.io";
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      metadata,
      rules: [{ apiGroups: ["argoproj.io"], resources: ["workflowtaskresults"], verbs: ["create", "patch"] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "Role", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: account, namespace }],
    },
  ];
}

function objects(): KubernetesObject[] {
  const metadata = { name: NAME, namespace: NAMESPACE };
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: NAME },
      // What its own rights must be is tested with the platform's component; here it only has to work.
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [ACCOUNT],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: CONFIG, namespace: NAMESPACE },
      data: { executor: JSON.stringify({ imagePullPolicy: "IfNotPresent", securityContext: CONFINED }) },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: { selector: { matchLabels: { app: NAME } }, template: controller() },
    },
  ];
}

function controller(): object {
  return {
    metadata: { labels: { app: NAME } },
    spec: {
      serviceAccountName: NAME,
      containers: [
        {
          name: NAME,
          image: `slipway.local/${NAME}:test`,
          args: [
            "--configmap",
            CONFIG,
            "--executor-image",
            EXECUTOR,
            "--executor-image-pull-policy",
            "IfNotPresent",
          ],
          env: [
            { name: "LEADER_ELECTION_DISABLE", value: "true" },
            // As the platform's component has it.
            { name: "DEFAULT_REQUEUE_TIME", value: "2s" },
          ],
          securityContext: CONFINED,
        },
      ],
    },
  };
}
