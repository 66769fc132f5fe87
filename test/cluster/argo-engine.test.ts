import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/targets/kubernetes/object.ts";
import { renderWorkflow } from "../../src/targets/kubernetes/engine/render.ts";
import { readKubeconfig } from "../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { finish, project, reason, Repository, states, step } from "../pipelines/support.ts";
import { ArgoBed, NAMESPACE, PODS } from "../targets/kubernetes/engine/open-argo.ts";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { removeNamespaces } from "./support/objects.ts";

/** A real API server with Argo's own definitions; the steps' pods are processes of this one, by a stand-in for Argo. */
let cluster: TestCluster;
let bed: ArgoBed;
let folder: string;
let repository: Repository;
let made: KubernetesObject[];
let count = 0;
const unpatient = { brokenMs: 300, cancelMs: 500 };

beforeAll(async () => {
  cluster = testCluster();
  made = await installDefinitions(cluster, definitions(["argo-workflows"]));
  for (const [kind, name] of [
    ["Namespace", NAMESPACE],
    ["ServiceAccount", "default"],
  ] as const) {
    const path =
      kind === "Namespace" ? "/api/v1/namespaces" : `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
    await cluster.send({ method: "POST", path, body: { apiVersion: "v1", kind, metadata: { name } } });
  }
  folder = realpathSync(mkdtempSync(join(tmpdir(), "slipway-argo-")));
  repository = new Repository(join(folder, "repository"));
  const access = readKubeconfig({ env: {}, cwd: folder, kubeconfig: cluster.kubeconfig });
  bed = await ArgoBed.open(folder, access, { patience: unpatient });
});
afterAll(async () => {
  await bed?.close();
  await removeNamespaces(cluster, [NAMESPACE]);
  await removeDefinitions(cluster, made);
  rmSync(folder, { recursive: true, force: true });
});

const specOf = (steps: ReturnType<typeof step>[]) => ({
  id: `pr-cluster-${++count}`,
  project: project(steps),
  repository: repository.gitDir,
  commit: repository.commit({ "data.txt": "data\n" }),
  env: {},
  cache: true,
});
const flows = `/apis/argoproj.io/v1alpha1/namespaces/${NAMESPACE}/workflows`;

describe("pipelines on a real API server", () => {
  it("makes Workflows that its definition takes as they are, field by field", async () => {
    const steps = [
      step("a", "true"),
      step("b", "true", { needs: ["a"], resources: { cpu: 0.5, memory: 2 ** 28 } }),
    ];
    const workflow = renderWorkflow(specOf(steps), NAMESPACE, { ...PODS, cacheClaim: "cache" });
    const query = { dryRun: "All", fieldValidation: "Strict" };
    const { status, body } = await cluster.send({ method: "POST", path: flows, query, body: workflow });
    expect({ status, body }).toMatchObject({ status: 201, body: { spec: workflow.spec } });
  });

  it("runs, is submitted once, and goes on with a new engine", async () => {
    const spec = specOf([
      step("first", "cat data.txt > a.txt", { outputs: ["a.txt"] }),
      step("second", "cat a.txt", { needs: ["first"], retries: 1 }),
      step("bad", "exit 4"),
    ]);
    await Promise.all([bed.engine.submit(spec), bed.engine.submit(spec)]);
    const status = await finish(await bed.restart(), spec);
    expect(states(status)).toEqual({ first: "succeeded", second: "succeeded", bad: "failed" });
    expect(reason(status, "bad")).toBe("exit code 4");
    const live = await cluster.get<{ items: { metadata: { name: string } }[] }>(flows);
    expect(live?.items.filter(({ metadata }) => metadata.name === spec.id)).toHaveLength(1);
    const secret = await cluster.get(`/api/v1/namespaces/${NAMESPACE}/secrets/slipway-step`);
    expect(secret).toMatchObject({ type: "Opaque", data: { token: expect.any(String) as string } });
  });

  it("leaves a workflow alone that has its name and isn't ours", async () => {
    const spec = specOf([step("a", "true")]);
    const body = {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Workflow",
      metadata: { name: spec.id },
      spec: {},
    };
    await cluster.send({ method: "POST", path: flows, body });
    await expect(bed.engine.submit(spec)).rejects.toMatchObject({ code: "WORKFLOW_REFUSED" });
    await cluster.send({ method: "DELETE", path: `${flows}/${spec.id}` });
  });

  it("is cancelled: its Workflow is shut down, and no pod runs", async () => {
    const spec = specOf([
      step("long", "while :; do sleep 1; done"),
      step("next", "true", { needs: ["long"] }),
    ]);
    await bed.engine.submit(spec);
    for await (const { steps } of bed.engine.observe(spec.id, AbortSignal.timeout(60_000)))
      if (steps[0]?.state === "running") break;
    await bed.engine.cancel(spec.id);
    expect(states(await finish(bed.engine, spec))).toEqual({ long: "cancelled", next: "cancelled" });
    expect(await cluster.get(`${flows}/${spec.id}`)).toMatchObject({ spec: { shutdown: "Terminate" } });
  });
});
