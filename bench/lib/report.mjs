// Percentiles, tables and the machine's line: the same in every benchmark.
import { cpus, totalmem, platform, release } from "node:os";

/** The q-quantile (0 to 1) of numbers, by the nearest rank. */
export function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

export function machine() {
  const [cpu] = cpus();
  return `${cpus().length} x ${cpu.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${platform()} ${release()}, Node ${process.version}`;
}

/** Rows of strings as aligned columns; the first row is the header. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => String(cell ?? "").padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
