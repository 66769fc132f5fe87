import { expect, test } from "vitest";
import { refuseKubernetes } from "../../../../src/targets/kubernetes/plan/kubernetes-version.ts";
import type { LockEntry } from "../../../../src/targets/kubernetes/lock.ts";
import { renderedOf } from "../platform-fixture.ts";

/** The file is written for 1.36. */
const rendered = (from: string, to: string) => ({
  ...renderedOf([]),
  locked: [{ row: "cert-manager", kubernetes: { from, to } } as LockEntry],
});
const refusal = (minor: string, from = "1.30", to = "1.37"): unknown => {
  try {
    refuseKubernetes({ major: "1", minor }, rendered(from, to));
  } catch (error) {
    return error;
  }
  return undefined;
};

test("a cluster of the file's version, or a newer one that all supports, is taken", () => {
  expect(refusal("36")).toBeUndefined();
  expect(refusal("36+")).toBeUndefined();
  expect(refusal("37")).toBeUndefined();
});

test("one that is older than the file says is refused", () => {
  expect(refusal("35")).toMatchObject({
    code: "KUBERNETES_UNFIT",
    message: "the cluster is Kubernetes 1.35, older than the file is written for",
    facts: { where: "kubernetes.version", given: '"1.35"', allowed: '"1.36" or newer' },
  });
});

test("one that a component doesn't support is refused, and says which", () => {
  expect(refusal("38")).toMatchObject({
    code: "KUBERNETES_UNFIT",
    message: "the cluster is Kubernetes 1.38, which isn't supported by cert-manager (1.30 to 1.37)",
  });
});
