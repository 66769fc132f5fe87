import type { AsyncBuffer } from "hyparquet";
import { open } from "node:fs/promises";
import type { LogRow } from "./log-row.ts";

type ColumnType = "STRING" | "DOUBLE" | "BOOLEAN" | "INT32" | "TIMESTAMP";

/** What every file has, in this order; those that may be missing say so. */
const BASE: readonly { name: string; type: ColumnType; nullable: boolean }[] = [
  { name: "request_id", type: "STRING", nullable: false },
  { name: "row", type: "INT32", nullable: false },
  { name: "time", type: "TIMESTAMP", nullable: false },
  { name: "service", type: "STRING", nullable: false },
  { name: "model", type: "STRING", nullable: false },
  { name: "version", type: "INT32", nullable: false },
  { name: "variant", type: "STRING", nullable: false },
  { name: "arm", type: "STRING", nullable: false },
  { name: "status", type: "INT32", nullable: false },
  { name: "latency_ms", type: "DOUBLE", nullable: false },
  { name: "caller", type: "STRING", nullable: true },
  { name: "commit", type: "STRING", nullable: false },
  { name: "direct", type: "BOOLEAN", nullable: false },
  { name: "fallback_version", type: "INT32", nullable: true },
  { name: "error", type: "STRING", nullable: true },
  { name: "inputs", type: "STRING", nullable: true },
  { name: "outputs", type: "STRING", nullable: true },
  { name: "omitted", type: "STRING", nullable: true },
];
const BASE_NAMES = new Set(BASE.map(({ name }) => name));

const ROW_GROUP = 50_000;

/**
 * Rows as one Parquet file. Numbers are DOUBLE, whatever the model takes, so that the files of a service agree with each
 * other; a column of several types is text.
 */
export async function encodeParquet(rows: readonly LogRow[]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const values = valueNames(rows).map((name) => {
    const data = rows.map((row) => row[name as `input${string}`] ?? null);
    const type = typeOf(data);
    const values = type === "STRING" ? data.map(textOf) : data;
    // Looking for repeated numbers, and for the least of them, costs more than it saves.
    return {
      name,
      type,
      nullable: true,
      data: values,
      statistics: false,
      ...(type === "DOUBLE" && { encoding: "PLAIN" as const }),
    };
  });
  const base = BASE.map((column) => ({
    ...column,
    data: rows.map((row) => row[column.name as keyof LogRow]),
    statistics: column.name === "time",
    ...(column.name === "request_id" && { bloomFilter: true, encoding: "PLAIN" as const }),
    ...(column.type === "DOUBLE" && { encoding: "PLAIN" as const }),
  }));
  return new Uint8Array(
    parquetWriteBuffer({ columnData: [...base, ...values], rowGroupSize: ROW_GROUP, createdBy: "slipway" }),
  );
}

/** Names of the columns of values, sorted, inputs first. */
function valueNames(rows: readonly LogRow[]): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) if (!BASE_NAMES.has(name)) names.add(name);
  return [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

function typeOf(data: readonly unknown[]): ColumnType {
  const types = new Set(data.filter((value) => value !== null).map((value) => typeof value));
  if (types.size > 1) return "STRING";
  if (types.has("boolean")) return "BOOLEAN";
  return types.has("string") ? "STRING" : "DOUBLE";
}

function textOf(value: unknown): string | null {
  if (value === null || typeof value === "string") return value;
  return JSON.stringify(value) ?? null;
}

/**
 * Rows of a file, in its order.
 * @param options `last`: only so many of them, from the end; `requestId`: only that request's, by the file's own filter
 */
export async function readParquet(
  path: string,
  options: { last?: number; requestId?: string } = {},
): Promise<LogRow[]> {
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const file: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const buffer = new ArrayBuffer(Math.max(0, end - start));
        await handle.read(new Uint8Array(buffer), 0, buffer.byteLength, start);
        return buffer;
      },
    };
    const metadata = await parquetMetadataAsync(file);
    const total = Number(metadata.num_rows);
    const { last, requestId } = options;
    const rowStart = last === undefined ? 0 : Math.max(0, total - last);
    const rows = await parquetReadObjects({
      file,
      metadata,
      rowStart,
      ...(requestId !== undefined && { filter: { request_id: { $eq: requestId } }, useBloomFilters: true }),
    });
    return rows as LogRow[];
  } finally {
    await handle.close();
  }
}
