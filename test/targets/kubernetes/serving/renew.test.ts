import { beforeEach, expect, test } from "vitest";
import type { Pod } from "../../../../src/targets/kubernetes/serving/pods.ts";
import { labelsOf } from "../../../../src/targets/kubernetes/serving/render-variant.ts";
import { renewVariants } from "../../../../src/targets/kubernetes/serving/renew.ts";
import type { PodVariant } from "../../../../src/targets/kubernetes/serving/variant.ts";
import { FakeClock } from "../platform-fixture.ts";

const NEW = "slipway:2";
const MINUTE_MS = 60_000;

let pods: Pod[];
let renewed: string[];
let settled: string[];
beforeEach(() => {
  pods = [];
  renewed = [];
  settled = [];
});

const variant = (service: string): PodVariant => ({
  service,
  version: 1,
  tenant: "default",
  format: "onnx",
  digest: "0".repeat(64),
  workers: 1,
});

function pod(of: PodVariant, image: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${of.service}-${image}`, labels: labelsOf(of), uid: `${of.service}-${image}` },
    spec: {
      containers: [{ name: "model", image, ports: [{ name: "frames", containerPort: 4620 }] }],
    },
    status: { phase: "Running", podIP: "10.0.0.1", conditions: [{ type: "Ready", status: "True" }] },
  };
}

const renew = (variants: PodVariant[], arrives: (one: PodVariant) => boolean) =>
  renewVariants(variants, {
    pods: {
      find: (labels) =>
        pods.filter(({ metadata }) =>
          Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
        ),
      onChange: () => () => undefined,
    },
    clock: new FakeClock(),
    events: async () => [],
    signal: new AbortController().signal,
    prepareMs: MINUTE_MS,
    image: NEW,
    container: "model",
    isOld: ({ service }) => service !== "new",
    async renew(one) {
      renewed.push(one.service);
      if (arrives(one)) pods.push(pod(one, NEW));
    },
    async settle({ service }) {
      settled.push(service);
    },
  });

test("brings old variants up to date, and lets alone what is", async () => {
  const all = ["a", "new", "b"].map(variant);
  pods = all.map((one) => pod(one, "slipway:1"));
  await renew(all, () => true);
  expect(renewed).toEqual(["a", "b"]);
  expect(settled).toEqual(["a", "b"]);
});

test("holds at the first that doesn't get new pods, though its old ones are ready", async () => {
  const all = ["a", "b", "c"].map(variant);
  pods = all.map((one) => pod(one, "slipway:1"));
  await expect(renew(all, ({ service }) => service === "a")).rejects.toMatchObject({
    code: "VARIANT_NOT_READY",
    message: expect.stringContaining("version 1 of b") as string,
  });
  expect(renewed).toEqual(["a", "b"]);
  // What b had before stays.
  expect(settled).toEqual(["a"]);
});
