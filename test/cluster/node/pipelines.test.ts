import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { ClusterClient } from "../../../src/targets/kubernetes/cluster/client.ts";
import type { LiveObject } from "../../../src/targets/kubernetes/cluster/client.ts";
import type { StepTemplate, Workflow } from "../../../src/targets/kubernetes/engine/workflow.ts";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { pipelineEngineContract } from "../../contract/pipeline-engine.ts";
import { EngineBed } from "../../targets/kubernetes/engine/engine-bed.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { removeNamespaces } from "../support/objects.ts";
import { executorAccess, installArgoWorkflows } from "./support/argo.ts";
import { processesOf } from "./support/faults.ts";
import { hostAddress } from "./support/node.ts";
import { make, podsBy, testImage } from "./support/pods.ts";

const NAMESPACE = "pipelines-test";
const ACCOUNT = "pipeline";

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  // A folder of this machine, by which the suite talks with steps, is nothing that the restricted standard lets in.
  const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
  await make(
    cluster,
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: ACCOUNT, namespace: NAMESPACE } },
    ...executorAccess(NAMESPACE, ACCOUNT),
  );
});

afterAll(async () => {
  await removeNamespaces(cluster, [NAMESPACE]);
  await argo?.remove();
});

/** The real client, with that folder in every step's pod. */
class SharingClient extends ClusterClient {
  readonly #folder: string;

  constructor(send: TestCluster["send"], folder: string) {
    super(send);
    this.#folder = folder;
  }

  override create(object: KubernetesObject): Promise<LiveObject | undefined> {
    return super.create(object.kind === "Workflow" ? this.#shared(object as Workflow) : object);
  }

  #shared(workflow: Workflow): Workflow {
    const volume = { name: "test", hostPath: { path: this.#folder, type: "Directory" } };
    const mount = { name: "test", mountPath: this.#folder };
    const templates = workflow.spec.templates.map((template) => {
      if (!("container" in template)) return template;
      const { container } = template as StepTemplate;
      return { ...template, container: { ...container, volumeMounts: [...container.volumeMounts, mount] } };
    });
    const volumes = [...(workflow.spec.volumes ?? []), volume];
    return { ...workflow, spec: { ...workflow.spec, volumes, templates } } as Workflow;
  }
}

pipelineEngineContract("Argo Workflows on a real node", async (folder) => {
  const own = join(folder, "platform");
  mkdirSync(own);
  // Steps run as nobody.
  chmodSync(folder, 0o777);
  const bed = await EngineBed.open(own, {
    client: new SharingClient(cluster.send, folder),
    open: cluster.open,
    namespace: NAMESPACE,
    host: hostAddress(),
    pods: {
      image: testImage(),
      imagePullPolicy: "IfNotPresent",
      serviceAccount: ACCOUNT,
      cpu: "50m",
      memory: { asks: "128Mi", mayHave: "1Gi" },
    },
  });
  return {
    engine: bed.engine,
    restart: () => bed.restart(),
    close: () => bed.close(),
    outlivesRestart: true,
    async isAlive(pid) {
      const pods = await podsBy(cluster, NAMESPACE, {});
      return pods.flatMap(({ metadata }) => processesOf(metadata.uid)).some((one) => numberIn(one) === pid);
    },
  };
});

/** What a process of a pod is called in it. */
function numberIn(pid: number): number | undefined {
  try {
    const [, numbers = ""] = /^NSpid:\s+(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(numbers.trim().split(/\s+/).at(-1));
  } catch {
    return undefined;
  }
}
