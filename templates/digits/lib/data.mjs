// Rows of numbers in CSV files with a header; the last column is the label.
import { readFileSync, writeFileSync } from "node:fs";

/** { columns, records }: the header's names, and one object per line. */
export function readCsv(path) {
  const [header, ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
  const columns = header.split(",");
  const records = lines.map((line, i) => {
    const values = line.split(",").map(Number);
    if (values.length !== columns.length || values.some((value) => !Number.isFinite(value))) {
      throw new Error(`${path}:${i + 2}: expected ${columns.length} numbers, got "${line}"`);
    }
    return Object.fromEntries(columns.map((column, c) => [column, values[c]]));
  });
  return { columns, records };
}

export function writeCsv(path, columns, records) {
  const lines = records.map((record) => columns.map((column) => record[column]).join(","));
  writeFileSync(path, `${[columns.join(","), ...lines].join("\n")}\n`);
}

/** { rows, labels } as arrays: every column but `label`, in the order of the file. */
export function readExamples(path) {
  const { columns, records } = readCsv(path);
  const features = columns.filter((column) => column !== "label");
  return {
    rows: records.map((record) => features.map((feature) => record[feature])),
    labels: records.map((record) => record.label),
  };
}
