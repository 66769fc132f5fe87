import { expect, test } from "vitest";
import { endpointsToAsk, type Pod } from "../../../../src/targets/kubernetes/serving/pods.ts";
import { variantStateOf } from "../../../../src/targets/kubernetes/serving/variant-state.ts";

const VARIANT = { service: "digits", version: 2 };
const pod = (ready: boolean): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "digits-v2-1", namespace: "slipway-default" },
  spec: { containers: [{ name: "model", ports: [{ name: "frames", containerPort: 4620 }] }] },
  status: { podIP: "10.0.0.1", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
});

test("says what keeps a variant from being ready, with pods that aren't and where there are none", () => {
  const pulled = { code: "IMAGE_NOT_PULLED", message: "the image isn't there", isFinal: false } as const;
  expect(variantStateOf(VARIANT, [pod(false), pod(true)], pulled).workers).toEqual([
    {
      state: "starting",
      restarts: 0,
      endpoint: "10.0.0.1:4620",
      lastExit: "IMAGE_NOT_PULLED: the image isn't there",
    },
    { state: "ready", restarts: 0, endpoint: "10.0.0.1:4620" },
  ]);
  const quota = { code: "QUOTA_EXCEEDED", message: "exceeded quota: small", isFinal: false } as const;
  expect(variantStateOf(VARIANT, [], quota).workers).toEqual([
    { state: "starting", restarts: 0, lastExit: "QUOTA_EXCEEDED: exceeded quota: small" },
  ]);
  expect(variantStateOf(VARIANT, [], undefined).workers).toEqual([]);
});

test("asks those told last while all are called unready, and not those that go", () => {
  const told = "10.0.0.1:4620";
  expect(endpointsToAsk([pod(true)], "frames")).toEqual([told]);
  expect(endpointsToAsk([pod(false)], "frames")).toEqual([]);
  expect(endpointsToAsk([pod(false)], "frames", told)).toEqual([told]);
  expect(endpointsToAsk([pod(false)], "frames", "10.0.0.9:4620")).toEqual([]);
  const leaving = { ...pod(true), metadata: { ...pod(true).metadata, deletionTimestamp: "now" } };
  expect(endpointsToAsk([leaving], "frames", told)).toEqual([]);
});
