import { expect, it } from "vitest";
import { Exposition } from "../../src/monitoring/exposition.ts";
import { meterDatabase } from "../../src/monitoring/metered-database.ts";
import { METRICS } from "../../src/monitoring/metrics-table.ts";
import type { MetricRow } from "../../src/monitoring/metrics-table.ts";
import { PowerHistogram } from "../../src/monitoring/power-histogram.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import { defineCommand } from "../../src/store/database.ts";
import type { Database } from "../../src/store/database.ts";

it("keeps the table to Prometheus's rules for names", () => {
  for (const [name, row] of Object.entries(METRICS) as [string, MetricRow][]) {
    expect(name).toMatch(/^slipway_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith("_total"), name).toBe(row.type === "counter");
    expect(/_(sum|count|bucket)$/.test(name), name).toBe(false);
    // The base unit is a suffix; before it may only stand the one of counters.
    for (const unit of ["seconds", "bytes", "ratio"] as const)
      expect(new RegExp(`_${unit}(_total)?$`).test(name), `${name} in ${row.unit}`).toBe(row.unit === unit);
    expect(row.help).toMatch(/^[A-Z0-9].*\.$/);
    for (const label of row.labels) expect(label).toMatch(/^[a-z]+$/);
  }
});

it("counts in buckets whose bounds are powers of two, each value in the first that isn't below it", () => {
  const histogram = new PowerHistogram(1, 3);
  for (const value of [0, 1, 2, 3, 4, 5, 8, 9, 1_000]) histogram.add(value);
  expect(histogram.read()).toEqual({ bounds: [2, 4, 8], counts: [3, 2, 2, 2], sum: 1_032 });
  expect(new PowerHistogram(6, 2).read(1e-6).bounds).toEqual([0.000064, 0.000128]);
});

it("writes samples in the table's order, with labels escaped and histograms cumulative", () => {
  const page = new Exposition();
  page.addHistogram(
    "slipway_batch_requests",
    { service: 'a"\\\n', version: 3 },
    {
      bounds: [1, 2],
      counts: [4, 0, 1],
      sum: 7,
    },
  );
  page.add("slipway_build_info", { version: "1" }, 1);
  const samples = page
    .text()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const labels = 'service="a\\"\\\\\\n",version="3"';
  expect(samples).toEqual([
    'slipway_build_info{version="1"} 1',
    `slipway_batch_requests_bucket{${labels},le="1"} 4`,
    `slipway_batch_requests_bucket{${labels},le="2"} 4`,
    `slipway_batch_requests_bucket{${labels},le="+Inf"} 5`,
    `slipway_batch_requests_sum{${labels}} 7`,
    `slipway_batch_requests_count{${labels}} 5`,
  ]);
});

it("counts writes by how they ended", async () => {
  const command = defineCommand("test", async (_tx, code: string) => code);
  const db = {
    write: async (_command: unknown, code: string) => {
      if (code === "ok") return code;
      throw new SlipwayError(code === "full" ? "UNAVAILABLE" : "CONFLICT", code);
    },
  } as unknown as Database;
  let ticks = 0;
  const { database, source } = meterDatabase(db, () => (ticks += 1));
  await database.write(command, "ok");
  for (const code of ["full", "taken"]) await expect(database.write(command, code)).rejects.toThrow(code);
  const page = new Exposition();
  await source(page);
  const text = page.text();
  expect(text).toContain("slipway_store_writes_waiting 0\n");
  for (const result of ["ok", "failed", "refused"])
    expect(text).toContain(`slipway_store_writes_total{result="${result}"} 1\n`);
  expect(text).toContain('slipway_store_write_duration_seconds_bucket{le="0.001024"} 1\n');
});
