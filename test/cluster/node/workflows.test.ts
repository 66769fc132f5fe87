import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { removeNamespaces } from "../support/objects.ts";
import { executorAccess, installArgoWorkflows } from "./support/argo.ts";
import { becomes, make, testImage } from "./support/pods.ts";

const NAMESPACE = "workflows-test";
const CONFINED = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

interface Workflow {
  status?: { phase?: string; message?: string; nodes?: Record<string, WorkflowNode> };
}

interface WorkflowNode {
  type: string;
  displayName: string;
  phase: string;
  startedAt: string;
  finishedAt: string;
  outputs?: { exitCode?: string };
}

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await make(
    cluster,
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } },
    ...executorAccess(NAMESPACE, "default"),
  );
});

afterAll(async () => {
  await removeNamespaces(cluster, [NAMESPACE]);
  await argo.remove();
});

/** Steps one after the other, each a shell command in our image, in pods that the restricted standard takes. */
function workflow(
  name: string,
  steps: readonly { name: string; run: string; needs?: string[] }[],
): KubernetesObject {
  const tasks = steps.map((step) => ({
    name: step.name,
    template: step.name,
    dependencies: step.needs ?? [],
  }));
  const templates = steps.map((step) => ({
    name: step.name,
    retryStrategy: { limit: 1, retryPolicy: "OnFailure" },
    container: { image: testImage(), command: ["sh", "-c"], args: [step.run], securityContext: CONFINED },
  }));
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Workflow",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      entrypoint: "main",
      serviceAccountName: "default",
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 10_001,
        fsGroup: 10_001,
        seccompProfile: { type: "RuntimeDefault" },
      },
      templates: [{ name: "main", dag: { failFast: false, tasks } }, ...templates],
    },
  };
}

async function ended(name: string): Promise<NonNullable<Workflow["status"]>> {
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${NAMESPACE}/workflows/${name}`;
  const over = new Set(["Succeeded", "Failed", "Error"]);
  const { status } = await becomes<Workflow>(
    cluster,
    path,
    (it) => over.has(it.status?.phase ?? ""),
    240_000,
  );
  return status ?? {};
}

it("runs steps in their order, in pods of our image", async () => {
  await make(
    cluster,
    workflow("order", [
      { name: "first", run: "slipway --version" },
      { name: "second", run: "test $(id -u) = 10001", needs: ["first"] },
    ]),
  );
  const { phase, message, nodes = {} } = await ended("order");
  expect({ phase, message }).toEqual({ phase: "Succeeded", message: undefined });
  const [first, second] = ["first", "second"].map((name) =>
    Object.values(nodes).find((node) => node.type === "Pod" && node.displayName === `${name}(0)`),
  );
  expect(Date.parse(first?.finishedAt ?? "")).toBeLessThanOrEqual(Date.parse(second?.startedAt ?? ""));
});

it("tries a step again, and tells how it ended", async () => {
  await make(cluster, workflow("fails", [{ name: "only", run: "exit 3" }]));
  const { phase, nodes = {} } = await ended("fails");
  expect(phase).toBe("Failed");
  const tries = Object.values(nodes).filter(({ type }) => type === "Pod");
  expect(tries.map(({ outputs }) => outputs?.exitCode)).toEqual(["3", "3"]);
});
