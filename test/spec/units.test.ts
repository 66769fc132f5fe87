import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatDuration,
  formatSize,
  parseDuration,
  parsePercent,
  parsePoints,
  parseSize,
} from "../../src/spec/units.ts";

test.each([
  ["500ms", 500],
  ["2s", 2000],
  ["1.5m", 90_000],
  ["1h30m", 5_400_000],
  ["2d", 172_800_000],
  ["30", undefined],
  ["-1s", undefined],
  ["1 h", undefined],
  ["", undefined],
  ["1w", undefined],
])("the duration %s is %s ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  ["4Gi", 4 * 2 ** 30],
  ["512Mi", 512 * 2 ** 20],
  ["1.5k", 1500],
  ["1G", 1e9],
  ["100", 100],
  ["4gb", undefined],
  ["Mi", undefined],
  ["-1Mi", undefined],
])("the size %s is %s bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test("margins and percentages are the decimals that were written", () => {
  expect(parsePoints("0.5pp")).toBe(0.005);
  expect(parsePoints("0.7pp")).toBe(0.007);
  expect(parsePoints("0.5")).toBeUndefined();
  expect(parsePercent("20%")).toBe(0.2);
  expect(parsePercent("20pp")).toBeUndefined();
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), (value) => {
      expect(parseDuration(formatDuration(value))).toBe(value);
      expect(parseSize(formatSize(value))).toBe(value);
    }),
  );
});
