import { afterAll, beforeAll } from "vitest";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { pipelineEngineContract } from "../../../contract/pipeline-engine.ts";
import { FakeApi } from "../cluster/fake-api.ts";
import { ArgoBed, NAMESPACE } from "./open-argo.ts";

const WORKFLOW = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Workflow",
  plural: "workflows",
  isNamespaced: true,
};

const api = new FakeApi([WORKFLOW]);
let access: ClusterAccess;
beforeAll(async () => {
  const server = new URL(await api.start());
  access = { context: "test", server, tls: { isInsecure: false }, user: {} };
});
afterAll(() => api.stop());

pipelineEngineContract("Argo Workflows", async (folder) => {
  api.objects.clear();
  api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  const bed = await ArgoBed.open(folder, access);
  return {
    engine: bed.engine,
    restart: () => bed.restart(),
    close: () => bed.close(),
    outlivesRestart: true,
  };
});
