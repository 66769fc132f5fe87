import { expect, test } from "vitest";
import { eventLines, reportPod, stateOf } from "../../../src/targets/kubernetes/pod-report.ts";
import type { ClusterEvent } from "../../../src/targets/kubernetes/serving/causes.ts";
import type { Pod } from "../../../src/targets/kubernetes/serving/pods.ts";

const SINCE = "2026-11-20T10:00:00Z";
const pod = (status: Pod["status"], nodeName?: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "digits-v2-1", namespace: "red", creationTimestamp: SINCE },
  spec: { ...(nodeName === undefined ? {} : { nodeName }), containers: [{ name: "model" }] },
  ...(status && { status }),
});
const unready = { type: "Ready", status: "False", lastTransitionTime: "2026-11-20T10:05:00Z" };
const event = (more: Partial<ClusterEvent>): ClusterEvent => ({
  type: "Warning",
  reason: "Failed",
  involvedObject: { kind: "Pod", name: "digits-v2-1" },
  ...more,
});

test("names a pod's state as kubectl does", () => {
  const container = (state: object) => ({
    phase: "Pending",
    containerStatuses: [{ name: "model", restartCount: 0, state }],
  });
  expect(stateOf(pod(container({ waiting: { reason: "ImagePullBackOff" } })))).toEqual({
    state: "ImagePullBackOff",
    at: null,
  });
  const ended = { terminated: { reason: "OOMKilled", exitCode: 137, finishedAt: SINCE } };
  expect(stateOf(pod(container(ended)))).toEqual({ state: "OOMKilled", at: Date.parse(SINCE) });
  expect(stateOf(pod({ phase: "Running", conditions: [unready] }))).toEqual({
    state: "Running, not ready",
    at: Date.parse("2026-11-20T10:05:00Z"),
  });
  expect(stateOf(pod(undefined))).toEqual({ state: "Pending", at: Date.parse(SINCE) });
  // Until its first container may begin the reason of the others says nothing.
  const init = {
    phase: "Pending",
    initContainerStatuses: [
      { name: "init", restartCount: 0, state: { waiting: { reason: "ErrImagePull" } } },
    ],
    containerStatuses: [{ name: "main", restartCount: 0, state: { waiting: { reason: "PodInitializing" } } }],
  };
  expect(stateOf(pod(init)).state).toBe("ErrImagePull");
});

test("tells the last events in the order of time, whoever wrote them, and how often they came", () => {
  const events = [
    event({ reason: "Third", message: "c", series: { count: 7, lastObservedTime: "2026-11-20T10:03:00Z" } }),
    event({ reason: "First", message: "a", lastTimestamp: "2026-11-20T10:00:00Z" }),
    event({ reason: "Second", message: "b\n b", lastTimestamp: null, eventTime: "2026-11-20T10:02:00Z" }),
    event({ reason: "Between", count: 2, message: "x", lastTimestamp: "2026-11-20T10:01:00Z" }),
  ];
  expect(eventLines(events)).toEqual(["Between (2 times): x", "Second: b b", "Third (7 times): c"]);
  const pulling = event({ type: "Normal", reason: "Pulling", message: "image", lastTimestamp: SINCE });
  const probed = event({ reason: "Unhealthy", message: "Startup probe failed: 503" });
  expect(eventLines([event({ type: "Normal", reason: "Scheduled" }), pulling, probed])).toEqual([
    "Pulling: image",
  ]);
});

test("says where a pod is, what it ended with and what doesn't hold, also where nothing else can be read", async () => {
  const status: Pod["status"] = {
    phase: "Pending",
    conditions: [
      { type: "PodScheduled", status: "False", message: "0/1 nodes are available" },
      { ...unready, message: "containers with unready status: [model]" },
    ],
  };
  const gone = async (): Promise<never> => Promise.reject(new Error("404"));
  expect(await reportPod(pod(status), { events: gone, log: gone }, 5)).toEqual({
    name: "red/digits-v2-1",
    state: "Pending",
    at: Date.parse("2026-11-20T10:05:00Z"),
    message: "on no node yet; PodScheduled: 0/1 nodes are available",
    events: [],
    log: [],
  });
  const crashed: Pod["status"] = {
    phase: "Running",
    containerStatuses: [
      {
        name: "model",
        restartCount: 2,
        state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 20s" } },
        lastState: { terminated: { exitCode: 1, reason: "Error", message: "out of luck" } },
      },
    ],
  };
  const lines = { events: async () => [], log: async () => ["one", "two", "three"] };
  const report = await reportPod(pod(crashed, "n1"), lines, 2);
  expect(report).toMatchObject({
    state: "CrashLoopBackOff",
    message:
      "on node n1; started again 2 times; its container ended with exit code 1: out of luck; back-off 20s",
    log: ["two", "three"],
  });
});
