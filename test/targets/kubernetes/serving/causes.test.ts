import { describe, expect, test } from "vitest";
import {
  causeOf,
  isOrdinary,
  notCarriedOut,
  refusalOf,
  type ClusterEvent,
} from "../../../../src/targets/kubernetes/serving/causes.ts";
import { isBeyondQuota } from "../../../../src/targets/kubernetes/quota-words.ts";
import { isOfVariant } from "../../../../src/targets/kubernetes/serving/pods-ready.ts";
import type { ContainerStatus, Pod } from "../../../../src/targets/kubernetes/serving/pods.ts";

const MADE = "2026-11-20T10:00:00Z";
const pod = (status: NonNullable<Pod["status"]> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "digits-v2-5d9-abc", namespace: "red", creationTimestamp: MADE },
  spec: { containers: [{ name: "model", image: "slipway:9" }] },
  status,
});
const container = (state: ContainerStatus["state"], more: Partial<ContainerStatus> = {}): Pod =>
  pod({ containerStatuses: [{ name: "model", restartCount: 0, ...more, ...(state && { state }) }] });
const ready = pod({ podIP: "10.0.0.1", conditions: [{ type: "Ready", status: "True" }] });
const unplaced = (message: string): Pod =>
  pod({ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }] });
const event = (reason: string, message: string, kind = "Pod", at = "2026-11-20T10:01:00Z"): ClusterEvent => ({
  reason,
  message,
  lastTimestamp: at,
  involvedObject: { kind, name: kind === "Pod" ? "digits-v2-5d9-abc" : "digits-v2-5d9" },
});
const refused = (message: string, at?: string): ClusterEvent =>
  event("FailedCreate", message, "ReplicaSet", at);
const said = (text: string): NonNullable<ContainerStatus["lastState"]> => ({
  terminated: { exitCode: 1, reason: "Error", message: text },
});

describe("what keeps a variant from being ready", () => {
  test("nothing, where as many as it needs are", () => {
    expect(causeOf([ready, pod()], [refused("exceeded quota: few")], 1)).toBeUndefined();
  });

  test.each<[string, string, boolean, Pod, ClusterEvent[]]>([
    [
      "an image that nobody has",
      "IMAGE_NOT_PULLED",
      false,
      container({ waiting: { reason: "ImagePullBackOff", message: "Back-off pulling image" } }),
      [],
    ],
    [
      "an image whose name can't be one",
      "IMAGE_NOT_PULLED",
      true,
      container({ waiting: { reason: "InvalidImageName" } }),
      [],
    ],
    [
      "a container that can't be made",
      "POD_CRASHED",
      false,
      container({
        waiting: { reason: "CreateContainerConfigError", message: 'secret "slipway-worker" not found' },
      }),
      [],
    ],
    [
      "a program that ends once",
      "POD_CRASHED",
      false,
      container(
        { waiting: { reason: "CrashLoopBackOff" } },
        { restartCount: 1, lastState: said("out of luck") },
      ),
      [],
    ],
    [
      "a program that ends again and again",
      "POD_CRASHED",
      true,
      container(
        { waiting: { reason: "CrashLoopBackOff" } },
        { restartCount: 3, lastState: said("out of luck") },
      ),
      [],
    ],
    [
      "a model that can't be loaded, by what its program left",
      "MODEL_NOT_LOADED",
      true,
      container(
        {},
        { lastState: said('{"code":"MODEL_LOAD_FAILED","message":"no graph","hint":"Export it."}') },
      ),
      [],
    ],
    [
      "no node that has room",
      "POD_UNSCHEDULABLE",
      false,
      unplaced("0/1 nodes are available: 1 Insufficient cpu."),
      [],
    ],
    [
      "a volume that isn't bound",
      "VOLUME_PENDING",
      false,
      unplaced("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
      [],
    ],
    [
      "a volume that can't be mounted",
      "VOLUME_PENDING",
      false,
      pod(),
      [event("FailedMount", "MountVolume.SetUp failed for volume")],
    ],
    [
      "a quota",
      "QUOTA_EXCEEDED",
      false,
      pod(),
      [refused('pods "x" is forbidden: exceeded quota: quota, requested: pods=1')],
    ],
    [
      "a webhook",
      "OBJECT_REFUSED",
      false,
      pod(),
      [refused('admission webhook "check.example.com" denied the request: no owner')],
    ],
    [
      "a policy of the cluster",
      "OBJECT_REFUSED",
      false,
      pod(),
      [refused("ValidatingAdmissionPolicy 'owners' with binding 'all' denied request: no owner")],
    ],
  ])("%s", (_what, code, isFinal, one, events) => {
    expect(causeOf([one], events, 1)).toMatchObject({ code, isFinal });
  });

  test("the pod that says most is told, and what can't get better first", () => {
    const slow = container({ waiting: { reason: "ErrImagePull", message: "no route to host" } });
    const bad = container({}, { lastState: said('{"code":"MODEL_OPSET","message":"opset 99"}') });
    expect(causeOf([pod(), slow, bad], [], 3)).toMatchObject({
      code: "MODEL_NOT_LOADED",
      message: "pod digits-v2-5d9-abc: opset 99 (MODEL_OPSET)",
      error: { code: "MODEL_OPSET" },
    });
  });

  test("a refusal is over when a newer pod was let in", () => {
    const before = [refused("exceeded quota: few", "2026-11-20T09:59:00Z")];
    const cause = causeOf([pod()], before, 2);
    expect(cause).toMatchObject({ code: "POD_STARTING" });
    expect(cause && isOrdinary(cause)).toBe(true);
    expect(causeOf([], before, 1)).toMatchObject({ code: "QUOTA_EXCEEDED" });
    expect(causeOf([], [], 1)).toMatchObject({ code: "NO_PODS" });
  });

  test("a quota that leaves no room at all is final", () => {
    const quota = (asked: string): ClusterEvent[] => [
      refused(
        `(combined from similar events): Error creating: pods "x" is forbidden: exceeded quota: few, requested: pods=1,requests.cpu=${asked}, used: pods=0,requests.cpu=3500m, limited: pods=4,requests.cpu=4`,
      ),
    ];
    expect(causeOf([], quota("64"), 1)).toMatchObject({ code: "QUOTA_EXCEEDED", isFinal: true });
    expect(causeOf([], quota("1500m"), 1)).toMatchObject({
      isFinal: false,
      message: expect.stringMatching(/^its pods aren't let in: pods "x" is forbidden/) as string,
    });
    expect(isBeyondQuota("exceeded quota: few")).toBe(false);
  });

  test("what the server itself refuses is final, and says which object", () => {
    expect(refusalOf("Deployment red/digits-v2", "admission webhook denied the request: no")).toEqual({
      code: "OBJECT_REFUSED",
      message: "the cluster refuses Deployment red/digits-v2: admission webhook denied the request: no",
      isFinal: true,
    });
    const error = notCarriedOut(
      { service: "digits", version: 2 },
      refusalOf("Service red/a", "exceeded quota: x"),
    );
    expect(error).toMatchObject({
      code: "VARIANT_NOT_READY",
      facts: { where: "version/digits/2", details: { cause: "QUOTA_EXCEEDED" } },
    });
  });
});

test("events of version 10 aren't those of version 1", () => {
  const of = (name: string): ClusterEvent => ({ involvedObject: { name } });
  const names = ["digits-v1", "digits-v1-5d9", "digits-v1-5d9-abc", "digits-v10", "digits-v10-5d9"];
  expect(names.filter((name) => isOfVariant(of(name), "digits-v1"))).toEqual(names.slice(0, 3));
});
