import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { StepReport } from "../../../../src/pipelines/remote/report.ts";
import { findingOf } from "../../../../src/targets/kubernetes/engine/messages.ts";
import { pendingReasonOf } from "../../../../src/targets/kubernetes/engine/pods.ts";
import { renderWorkflow } from "../../../../src/targets/kubernetes/engine/render.ts";
import { GAVE_UP, statusOf } from "../../../../src/targets/kubernetes/engine/status.ts";
import type {
  StepTemplate,
  Workflow,
  WorkflowNode,
  WorkflowStatus,
} from "../../../../src/targets/kubernetes/engine/workflow.ts";
import { project, step } from "../../../pipelines/support.ts";
import { PODS } from "./open-argo.ts";

const STEPS = [
  step("features", "python features.py", { outputs: ["features.parquet"] }),
  step("train", "python train.py", {
    needs: ["features"],
    resources: { cpu: 1.5, memory: 2 ** 30 },
    retries: 2,
    backoff: 20_000,
    timeout: 90_500,
  }),
];
const rendered = (): Workflow =>
  renderWorkflow({ id: "pr-1", project: project(STEPS), commit: "c".repeat(40) }, "red", PODS);

/** A workflow in this state, as Argo writes it. */
function workflow(status: WorkflowStatus, spec: Partial<Workflow["spec"]> = {}): Workflow {
  const made = rendered();
  return { ...made, spec: { ...made.spec, ...spec }, status };
}
function nodes(
  ...all: [id: string, type: string, more: Partial<WorkflowNode>][]
): Record<string, WorkflowNode> {
  const entries = all.map(([id, type, more]) => [
    id,
    {
      id,
      name: `pr-1.${id}`,
      displayName: id,
      type,
      templateName: `step-${id.replace(/\(.*/, "")}`,
      ...more,
    },
  ]);
  return Object.fromEntries(entries) as Record<string, WorkflowNode>;
}
const report = (more: Partial<StepReport>): StepReport => ({
  state: "succeeded",
  attempt: 1,
  isFinal: true,
  ...more,
});
const told = (...reports: [step: string, tryNumber: number, report: StepReport][]) =>
  new Map(reports.map(([name, tryNumber, said]) => [name, { tryNumber, report: said }]));
const seen = (known: Workflow | null, reports = told()) =>
  statusOf({ steps: STEPS, workflow: known, reports });

describe("a pipeline run as a Workflow", () => {
  it("has a pod template for each step, and a graph of their needs", () => {
    const { metadata, spec } = rendered();
    expect(metadata).toMatchObject({ name: "pr-1", namespace: "red" });
    expect(spec.templates[0]).toEqual({
      name: "pipeline",
      dag: {
        failFast: false,
        tasks: [
          { name: "features", template: "step-features" },
          { name: "train", template: "step-train", dependencies: ["features"] },
        ],
      },
    });
    const train = spec.templates[2] as StepTemplate;
    expect(train).toMatchObject({
      metadata: { labels: { "slipway.dev/step": "train" } },
      activeDeadlineSeconds: 91 + 3600,
      retryStrategy: { limit: 5, retryPolicy: "Always", backoff: { duration: "20s", factor: 2, cap: "10m" } },
    });
    expect(train.container).toMatchObject({
      image: PODS.image,
      command: ["slipway"],
      args: ["--role=step"],
      resources: {
        requests: { cpu: "1500m", memory: String(2 ** 30 + 2 ** 28) },
        limits: { memory: String(2 ** 30 + 2 ** 28) },
      },
    });
    expect((spec.templates[1] as StepTemplate).container.resources).toEqual({
      requests: { cpu: "250m", memory: "512Mi" },
      limits: { memory: "2Gi" },
    });
  });

  it("names neither commands nor variables, and its token by a Secret alone", () => {
    const text = JSON.stringify(rendered());
    expect(text).not.toContain("python");
    expect(text).toContain('"secretKeyRef":{"name":"slipway-step","key":"token"}');
  });
});

describe("what is seen of a Workflow", () => {
  it("waits, prepares, runs and ends as nodes and reports say", () => {
    expect(seen(rendered()).steps.map(({ state }) => state)).toEqual(["waiting", "waiting"]);
    const started = nodes(
      ["features", "Retry", { phase: "Running" }],
      ["features(0)", "Pod", { phase: "Running", startedAt: "2026-01-01T00:00:00Z" }],
    );
    const running = workflow({ phase: "Running", nodes: started });
    expect(seen(running).steps[0]).toMatchObject({ state: "preparing", reason: "its pod has started" });
    const said = told(["features", 0, report({ state: "running", isFinal: false })]);
    expect(seen(running, said).steps[0]).toMatchObject({ state: "running", startedAt: 1_767_225_600_000 });
    const done = told(
      ["features", 0, report({})],
      ["train", 0, report({ state: "cached", reason: "reused" })],
    );
    expect(seen(running, done)).toMatchObject({ state: "succeeded", steps: [{}, { reason: "reused" }] });
  });

  it("tells a failed attempt from the step's failure, before Argo's wait for a retry is over", () => {
    const tried = nodes(
      ["train", "Retry", { phase: "Running", message: "Backoff for 20s" }],
      ["train(0)", "Pod", { phase: "Failed", message: "main: Error (exit code 1)" }],
    );
    const flow = workflow({ phase: "Running", nodes: tried });
    const failed = { state: "failed", reason: "exit code 7: no", code: "STEP_FAILED", exitCode: 7 } as const;
    const again = told(["train", 0, report({ ...failed, isFinal: false })]);
    expect(seen(flow, again).steps[1]).toMatchObject({
      state: "preparing",
      reason: "attempt 1 failed: exit code 7: no; again soon",
    });
    const last = told(["features", 0, report({})], ["train", 0, report(failed)]);
    expect(seen(flow, last)).toMatchObject({ state: "failed", steps: [{}, failed] });
  });

  it("says what kept a step from beginning, or ended it, where the step can't", () => {
    const pending = (message: string) =>
      seen(
        workflow({
          phase: "Running",
          nodes: nodes(["features(0)", "Pod", { phase: "Pending", message }]),
        }),
      ).steps[0];
    expect(pending("ImagePullBackOff: Back-off pulling image")).toMatchObject({
      state: "preparing",
      code: "STEP_IMAGE_UNAVAILABLE",
    });
    const killed = nodes(
      ["features", "Retry", { phase: "Failed" }],
      ["features(0)", "Pod", { phase: "Failed", message: "main: OOMKilled (exit code 137)" }],
    );
    const flow = seen(workflow({ phase: "Failed", nodes: killed }));
    expect(flow.steps[0]).toMatchObject({ state: "failed", code: "STEP_OUT_OF_MEMORY", exitCode: 137 });
    expect(flow.steps[1]).toMatchObject({ state: "skipped", reason: "needs features: step features failed" });
    const refused = seen(
      workflow({ phase: "Error", message: 'pods "x" is forbidden: violates PodSecurity "restricted"' }),
    );
    expect(refused.steps[0]).toMatchObject({ state: "failed", code: "STEP_NOT_STARTED" });
    expect(refused.state).toBe("failed");
  });

  it("knows every message that Kubernetes and Argo give for a pod that doesn't come or go", () => {
    const codes = [
      [
        "ErrImageNeverPull: Container image is not present with pull policy of Never",
        "STEP_IMAGE_UNAVAILABLE",
      ],
      [
        'pods "a" is forbidden: exceeded quota: quota, requested: requests.cpu=4, used: requests.cpu=1, limited: requests.cpu=2',
        "STEP_QUOTA_EXCEEDED",
      ],
      ["Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.", "STEP_UNSCHEDULABLE"],
      [
        "Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        "STEP_VOLUME_PENDING",
      ],
      ["Pod was active on the node longer than the specified deadline", "STEP_TIMEOUT"],
      ['CreateContainerConfigError: secret "slipway-step" not found', "STEP_NOT_STARTED"],
      ["The node was low on resource: memory.", "STEP_INTERRUPTED"],
      ["pod deleted", "STEP_INTERRUPTED"],
      ["main: OOMKilled (exit code 137): said", "STEP_OUT_OF_MEMORY"],
    ];
    expect(codes.map(([message]) => [message, findingOf(message)?.code])).toEqual(codes);
    expect(findingOf("main: Error (exit code 1)")).toBeUndefined();
    expect(findingOf(codes[1]?.[0])?.reason).toContain("exceeded quota: quota, requested: requests.cpu=4");
  });

  it("sees what Argo doesn't tell of a pod: an init container's image, a node that isn't there", () => {
    const pod = (status: object) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, status });
    const waiting = (reason: string, message?: string) => [
      { name: "init", state: { waiting: { reason, message } } },
    ];
    const containerStatuses = waiting("PodInitializing");
    const init = pod({
      phase: "Pending",
      initContainerStatuses: waiting("ErrImageNeverPull", "not present"),
      containerStatuses,
    });
    expect(pendingReasonOf(init)).toBe("ErrImageNeverPull: not present");
    const conditions = [
      { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" },
    ];
    expect(pendingReasonOf(pod({ phase: "Pending", conditions }))).toBe("Unschedulable: 0/1 nodes");
    expect(pendingReasonOf(pod({ phase: "Pending", containerStatuses }))).toBeUndefined();
    expect(pendingReasonOf(pod({ phase: "Running", conditions }))).toBeUndefined();
    const started = nodes(["features(0)", "Pod", { phase: "Pending", message: "PodInitializing" }]);
    const flow = workflow({ phase: "Running", nodes: started });
    const pending = new Map([["features", "ErrImageNeverPull: not present"]]);
    const [first] = statusOf({ steps: STEPS, workflow: flow, reports: told(), pending }).steps;
    expect(first).toMatchObject({ state: "preparing", code: "STEP_IMAGE_UNAVAILABLE" });
    expect(seen(flow).steps[0]?.reason).toBe("its pod starts");
  });

  it("believes a step that it has begun before Argo has seen it", () => {
    const started = nodes(["train(0)", "Pod", { phase: "Failed" }], ["train", "Retry", { phase: "Running" }]);
    const flow = workflow({ phase: "Running", nodes: started });
    const again = told(["train", 1, report({ state: "running", attempt: 2, isFinal: false })]);
    expect(seen(flow, again).steps[1]).toMatchObject({ state: "running", attempt: 2 });
    const cut = told(["train", 0, report({ state: "running", isFinal: false })]);
    expect(seen(flow, cut).steps[1]).toMatchObject({ state: "preparing" });
  });

  it("reads a cancelled one, one that was given up, one that is gone, and a large one", () => {
    const cut = nodes(["features(0)", "Pod", { phase: "Failed", message: "main: Error (exit code 143)" }]);
    const cancelled = workflow({ phase: "Failed", nodes: cut }, { shutdown: "Terminate" });
    expect(seen(cancelled)).toMatchObject({
      state: "cancelled",
      steps: [{ state: "cancelled" }, { state: "cancelled" }],
    });
    const stuck = {
      name: "features",
      state: "failed",
      attempt: 1,
      code: "STEP_IMAGE_UNAVAILABLE",
      reason: "no image",
    };
    cancelled.metadata.annotations = { [GAVE_UP]: JSON.stringify(stuck) };
    expect(seen(cancelled)).toMatchObject({ state: "failed", steps: [stuck, { state: "skipped" }] });
    expect(seen(null)).toMatchObject({
      state: "cancelled",
      steps: [{ reason: "its workflow is no longer in the cluster" }, {}],
    });
    const large = nodes(["features(0)", "Pod", { phase: "Succeeded" }]);
    const compressedNodes = gzipSync(JSON.stringify(large)).toString("base64");
    expect(seen(workflow({ phase: "Running", compressedNodes })).steps[0]).toMatchObject({
      state: "succeeded",
    });
  });
});
