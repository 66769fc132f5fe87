import { expect, test } from "vitest";
import { metricsOf } from "../../../../src/targets/kubernetes/promql/metrics-of.ts";

function names(expression: string): string[] {
  const read = metricsOf(expression);
  return read.ok
    ? read.metrics.map(({ name, labels }) => `${name}{${labels.join(",")}}`)
    : [`bad near ${read.near}`];
}

test("names and labels of selectors, wherever they stand", () => {
  expect(names('sum by (le, pod) (rate(a_bucket{code="500", pod=~"x.*"}[5m])) / on (pod) b')).toEqual([
    "a_bucket{code,pod}",
    "b{}",
  ]);
  expect(names('label_replace(up{job="a"}, "c", "d", "e", "(.*)")')).toEqual(["up{job}"]);
  expect(names('{__name__="a", b="c"} or {"d", e="f"} or {__name__=~"g.*"}')).toEqual(["a{b}", "d{e}", "{}"]);
  expect(names("a offset 5m > bool 3 # c{d}")).toEqual(["a{}"]);
});

test("variables of a board", () => {
  expect(names('rate(a{namespace="$namespace"}[$__rate_interval]) > increase(b[${__range}])')).toEqual([
    "a{namespace}",
    "b{}",
  ]);
});

test("what is no expression says where it ends to be one", () => {
  expect(names("rate(a[5m]) > 1x")[0]).toMatch(/^bad near/);
  expect(names(" ")[0]).toMatch(/^bad near/);
});
