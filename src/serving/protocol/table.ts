import { BadInput, shown } from "./bad-input.ts";
import { parseCsv } from "./csv.ts";
import type { Datatype } from "./datatypes.ts";
import { inputName } from "./tensor.ts";
import type { Tensor, TensorPort } from "./tensor.ts";
import { readColumn } from "./v1.ts";
import { isObject } from "./v2.ts";

/** A data frame as a caller sent it. */
export interface Table {
  columns: readonly string[];
  /** Each as long as `columns`. */
  rows: readonly (readonly unknown[])[];
  /** True when every value is text, as CSV has it. */
  isText: boolean;
}

/** pandas' `split`: `{"columns": […], "index": […], "data": [[…]]}`; without columns they are numbered. */
export function tableOfSplit(split: unknown): Table {
  const data = isObject(split) ? split["data"] : undefined;
  if (!isObject(split) || !Array.isArray(data))
    throw new BadInput("`dataframe_split` needs `data`, an array of rows, and `columns`, their names");
  const rows = data as unknown[];
  const [first] = rows;
  const given = split["columns"] ?? (Array.isArray(first) ? first.map((_, index) => index) : []);
  if (!Array.isArray(given))
    throw new BadInput(`\`dataframe_split\`: \`columns\` is ${shown(given)}, an array of names is needed`);
  const columns = given.map(String);
  for (const [index, row] of rows.entries())
    if (!Array.isArray(row) || row.length !== columns.length)
      throw new BadInput(
        `\`dataframe_split\`: data[${index}] is ${shown(row)}, but a row has ${columns.length} values`,
      );
  return { columns, rows: rows as unknown[][], isText: false };
}

/** pandas' `records`: `[{"column": value}]`; what a record lacks is missing. */
export function tableOfRecords(records: unknown): Table {
  if (!Array.isArray(records))
    throw new BadInput(`\`dataframe_records\` is ${shown(records)}, an array of records is needed`);
  const names = new Set<string>();
  for (const [index, record] of records.entries()) {
    if (!isObject(record))
      throw new BadInput(`dataframe_records[${index}] is ${shown(record)}, an object is needed`);
    for (const name of Object.keys(record)) names.add(name);
  }
  const columns = [...names];
  const rows = (records as Record<string, unknown>[]).map((record) =>
    columns.map((name) => (Object.hasOwn(record, name) ? record[name] : null)),
  );
  return { columns, rows, isText: false };
}

/** A header and rows; what a row lacks at its end is missing. */
export function tableOfCsv(text: string): Table {
  const [columns, ...rows] = parseCsv(text);
  if (columns === undefined) throw new BadInput("the CSV is empty; its first row names the columns");
  for (const [index, row] of rows.entries()) {
    if (row.length > columns.length)
      throw new BadInput(
        `row ${index + 1} of the CSV has ${row.length} values, its header has ${columns.length}`,
      );
    while (row.length < columns.length) row.push("");
  }
  return { columns, rows, isText: true };
}

/**
 * The model's inputs from a data frame: columns by name where it has several inputs, or one input of one column; all
 * columns as one matrix where it has one wider input.
 * @param order the columns that the matrix is made of, as the model's signature names them; undefined: as they are given
 */
export function readTable(
  table: Table,
  inputs: readonly TensorPort[],
  order: readonly string[] | undefined,
): Tensor[] {
  if (table.rows.length === 0) throw new BadInput("the data frame has no rows");
  const [only] = inputs;
  if (only !== undefined && inputs.length === 1 && !table.columns.includes(only.name)) {
    const places = order?.map((name) => placeOf(table, name)) ?? table.columns.map((_, index) => index);
    return [readMatrix(table, places, only)];
  }
  return inputs.map((port) => readMatrix(table, [placeOf(table, port.name)], port));
}

function placeOf({ columns }: Table, name: string): number {
  const place = columns.indexOf(name);
  if (place < 0) {
    const given = columns.map((column) => JSON.stringify(column)).join(", ");
    throw new BadInput(`column ${JSON.stringify(name)} is missing; the data frame has ${given}`);
  }
  return place;
}

function readMatrix({ rows, isText, columns }: Table, places: readonly number[], port: TensorPort): Tensor {
  const width = port.shape?.length === 2 ? port.shape[1] : undefined;
  const isColumn = places.length === 1;
  // A cell may be a list: a whole row of the matrix.
  const isWhole = isColumn && Array.isArray(rows[0]?.[places[0] as number]);
  if (width !== undefined && width > 1 && !isWhole && width !== places.length)
    throw new BadInput(
      `${inputName(port)} has ${width} columns, but the data frame has ${places.length}: ${shown(columns)}${columns.some((name) => name === "" || name.startsWith("Unnamed")) ? " (one of them has no name: to_csv(index=False) leaves out the index)" : ""}`,
    );
  const cell = (value: unknown) =>
    isText ? fromText(value as string, port.datatype) : missing(value, port.datatype);
  const values = isColumn
    ? rows.map((row) => cell(row[places[0] as number]))
    : rows.map((row) => places.map((place) => cell(row[place])));
  return readColumn(values, port);
}

/** A data frame's missing number is NaN. */
function missing(value: unknown, { family }: Datatype): unknown {
  return value === null && family === "float" ? "NaN" : value;
}

/** What pandas reads as missing. */
const MISSING = new Set([
  "",
  "NaN",
  "nan",
  "-NaN",
  "-nan",
  "NA",
  "N/A",
  "n/a",
  "NULL",
  "null",
  "None",
  "<NA>",
  "#N/A",
]);
const TRUTH = new Map([
  ["True", true],
  ["TRUE", true],
  ["true", true],
  ["False", false],
  ["FALSE", false],
  ["false", false],
]);

/** A CSV value as the JSON value that it means for this datatype; unreadable ones stay text, which the datatype refuses. */
function fromText(text: string, { family }: Datatype): unknown {
  switch (family) {
    case "bytes":
      return text;
    case "bool":
      return TRUTH.get(text) ?? text;
    case "float":
      return MISSING.has(text) ? "NaN" : (infinite(text) ?? numberOf(text));
    case "int":
      return numberOf(text);
  }
}

function infinite(text: string): string | undefined {
  const [, sign, word] = /^([+-]?)(inf|infinity)$/i.exec(text) ?? [];
  return word === undefined ? undefined : `${sign === "-" ? "-" : ""}Infinity`;
}

function numberOf(text: string): unknown {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : text;
}
