import { expect, it } from "vitest";
import { RequestCounts } from "../../src/serving/router/request-counts.ts";

it("counts by service, version, protocol and status, and gives every label back", () => {
  const counts = new RequestCounts();
  const rest = { protocol: "v1", model: "digits" } as const;
  const grpc = { protocol: "v2", model: "digits", isGrpc: true } as const;
  counts.count(rest, 3, 200);
  counts.count(rest, 3, 200);
  counts.count(grpc, 999_999_999, 504);
  counts.count(rest, undefined, 413);
  // A name that a caller made up is no label.
  counts.count({ protocol: "invocations", model: "made-up" }, undefined, 404, false);
  expect(counts.report()).toEqual([
    { service: "digits", version: 3, protocol: "v1", status: 200, count: 2 },
    { service: "digits", version: 999_999_999, protocol: "grpc", status: 504, count: 1 },
    { service: "digits", version: 0, protocol: "v1", status: 413, count: 1 },
    { service: "", version: 0, protocol: "invocations", status: 404, count: 1 },
  ]);
});

it("keeps a bounded number of series of a service, the newest", () => {
  const counts = new RequestCounts();
  for (let version = 1; version <= 2_000; version++)
    counts.count({ protocol: "v2", model: "m" }, version, 200);
  const report = counts.report();
  expect(report).toHaveLength(1_024);
  expect(report.at(-1)?.version).toBe(2_000);
});
