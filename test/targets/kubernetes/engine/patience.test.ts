import { expect, test } from "vitest";
import { patienceFor } from "../../../../src/targets/kubernetes/engine/patience.ts";

const PATIENCE = { brokenMs: 600_000, roomMs: 3_600_000, cancelMs: 10_000 };
const quota = (asked: number): string =>
  `the tenant's quota leaves no room: exceeded quota: quota, requested: requests.cpu=${asked}, used: requests.cpu=3, limited: requests.cpu=4`;

test.each([
  ["STEP_IMAGE_UNAVAILABLE", "", 3_600_000, 600_000],
  ["STEP_IMAGE_UNAVAILABLE", "", 60_000, 60_000],
  ["STEP_UNSCHEDULABLE", "", 7_200_000, 3_600_000],
  ["STEP_UNSCHEDULABLE", "", 60_000, 60_000],
  ["STEP_VOLUME_PENDING", "", 60_000, 60_000],
  // Whatever the tenant's other work takes.
  ["STEP_QUOTA_EXCEEDED", quota(2), 60_000, 3_600_000],
  ["STEP_QUOTA_EXCEEDED", quota(5), 60_000, 0],
] as const)(
  "%s (%s) of a step with a timeout of %i ms is waited out for %i ms",
  (code, reason, timeout, wanted) => {
    expect(patienceFor({ code, reason }, { timeout }, PATIENCE)).toBe(wanted);
  },
);
