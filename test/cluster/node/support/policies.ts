import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { eventually } from "../../../e2e/platform.ts";
import { make, pod } from "./pods.ts";

const API = "admissionregistration.k8s.io/v1";
const PATH = `/apis/${API}`;
const IN_FORCE_MS = 30_000;

/** Which pods, or Deployments, a policy of the cluster is about. */
export interface Subject {
  /** Absent: of any. */
  namespace?: string;
  labels: Record<string, string>;
  resource?: "deployments";
}

/**
 * A real policy of the cluster that changes pods as they are made: what a registry, a node or a person does wrong, at one
 * variant or step alone. `change`: a JSON patch in CEL. Resolves when it is in force, and answers what takes it away.
 */
export async function changePods(
  cluster: TestCluster,
  subject: Subject,
  change: string,
): Promise<() => Promise<void>> {
  const name = nameOf(subject);
  const policy = {
    apiVersion: API,
    kind: "MutatingAdmissionPolicy",
    metadata: { name },
    spec: {
      matchConstraints: constraintsOf(subject),
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: change } }],
    },
  };
  const before = JSON.stringify(await tried(cluster, subject));
  const remove = await bound(cluster, policy, "MutatingAdmissionPolicyBinding", { policyName: name });
  await eventually(
    "the policy's change",
    async () => (JSON.stringify(await tried(cluster, subject)) === before ? undefined : true),
    IN_FORCE_MS,
  );
  return remove;
}

/** The same of one that takes none of them. */
export async function refuse(
  cluster: TestCluster,
  subject: Subject,
  why: string,
): Promise<() => Promise<void>> {
  const name = nameOf(subject);
  const policy = {
    apiVersion: API,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name },
    spec: {
      matchConstraints: constraintsOf(subject),
      failurePolicy: "Fail",
      validations: [{ expression: "false", message: why, reason: "Forbidden" }],
    },
  };
  const binding = { policyName: name, validationActions: ["Deny"] };
  const remove = await bound(cluster, policy, "ValidatingAdmissionPolicyBinding", binding);
  await eventually(
    "the policy's refusal",
    async () => (JSON.stringify(await tried(cluster, subject)).includes(why) ? true : undefined),
    IN_FORCE_MS,
  );
  return remove;
}

function nameOf({ namespace, labels }: Subject): string {
  return [namespace ?? "any", ...Object.values(labels)].join("-");
}

function constraintsOf({ namespace, labels, resource }: Subject): object {
  const group = resource === undefined ? "" : "apps";
  return {
    ...(namespace && { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } }),
    objectSelector: { matchLabels: labels },
    resourceRules: [
      { apiGroups: [group], apiVersions: ["v1"], operations: ["CREATE"], resources: [resource ?? "pods"] },
    ],
  };
}

async function bound(
  cluster: TestCluster,
  policy: KubernetesObject,
  kind: string,
  spec: object,
): Promise<() => Promise<void>> {
  const { name } = policy.metadata;
  await make(cluster, policy, { apiVersion: API, kind, metadata: { name }, spec });
  return async () => {
    for (const plural of [`${kind.toLowerCase()}s`, `${policy.kind.toLowerCase().replace(/y$/, "ies")}`])
      await cluster.send({ method: "DELETE", path: `${PATH}/${plural}/${name}` });
  };
}

/** What the API server makes of such an object, or says to it; nothing is made. */
async function tried(
  cluster: TestCluster,
  { namespace = "default", labels, resource }: Subject,
): Promise<unknown> {
  const one = pod(namespace, "policy-probe", { command: ["true"] }, labels);
  // As a step's pod has two containers, and a model's pod one.
  const spec = one["spec"] as { containers: { name: string; resources?: object; args?: string[] }[] };
  const [first] = spec.containers;
  if (first !== undefined) {
    Object.assign(first, { args: [], resources: { requests: { cpu: "1m" } } });
    spec.containers.push({ ...first, name: "second" });
  }
  const isDeployment = resource === "deployments";
  const body = isDeployment
    ? {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "policy-probe", namespace, labels },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { ...spec, restartPolicy: "Always" } },
        },
      }
    : one;
  const path = isDeployment
    ? `/apis/apps/v1/namespaces/${namespace}/deployments`
    : `/api/v1/namespaces/${namespace}/pods`;
  const { status, body: answer } = await cluster.send({
    method: "POST",
    path,
    query: { dryRun: "All" },
    body,
  });
  const { spec: made, message } = answer as { spec?: object; message?: string };
  return { status, made, message };
}
