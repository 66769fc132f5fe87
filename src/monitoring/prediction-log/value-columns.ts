/** Values of one request by column, each as long as the request has rows. */
export type ValueColumns = Map<string, readonly unknown[]>;

/** More columns than this, or rows, are kept as one JSON text. */
const MOST_COLUMNS = 256;
const MOST_ROWS = 10_000;

/**
 * Collects the columns of one side of a request (`input` or `output`): `input_<name>`, of a matrix
 * `input_<name>_<index>`, and of values without a name `input`, `input_<index>`. What is no table (other numbers of
 * rows, deeper than a matrix, two columns of one name, too many) makes it undefined as a whole.
 */
export class ColumnCollector {
  readonly #side: "input" | "output";
  #columns: Map<string, readonly unknown[]> | undefined = new Map();
  #rows: number | undefined;

  constructor(side: "input" | "output") {
    this.#side = side;
  }

  /** @param rows one value per row, or one list of as many values per row */
  add(name: string | undefined, rows: readonly unknown[]): void {
    const [first] = rows;
    if (!Array.isArray(first)) {
      if (rows.some(isNested)) return this.#refuse();
      return this.#put(this.#named(name), rows);
    }
    const width = first.length;
    if (width > MOST_COLUMNS || rows.some((row) => !isFlatRow(row, width))) return this.#refuse();
    const matrix = rows as readonly (readonly unknown[])[];
    if (width === 1)
      return this.#put(
        this.#named(name),
        matrix.map(([value]) => value),
      );
    for (let i = 0; i < width; i++)
      this.#put(
        `${this.#named(name)}_${i}`,
        matrix.map((row) => row[i]),
      );
    return undefined;
  }

  /** undefined: it is no table. */
  result(): { rows: number; columns: ValueColumns } | undefined {
    if (this.#columns === undefined || this.#rows === undefined || this.#rows === 0) return undefined;
    return { rows: this.#rows, columns: this.#columns };
  }

  #named(name: string | undefined): string {
    return name === undefined ? this.#side : `${this.#side}_${name}`;
  }

  #put(column: string, values: readonly unknown[]): void {
    this.#rows ??= values.length;
    const isOdd = values.length !== this.#rows || values.length > MOST_ROWS;
    if (isOdd || this.#columns?.has(column) === true) return this.#refuse();
    this.#columns?.set(column, values);
    if ((this.#columns?.size ?? 0) > MOST_COLUMNS) this.#refuse();
    return undefined;
  }

  #refuse(): void {
    this.#columns = undefined;
  }
}

function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isFlatRow(row: unknown, width: number): boolean {
  return Array.isArray(row) && row.length === width && !(row as unknown[]).some(isNested);
}

/** Rows as values, lists or objects (a column per key), as V1 and MLflow's scoring protocol have them. */
export function addRows(collector: ColumnCollector, rows: readonly unknown[]): void {
  if (!isObject(rows[0])) return collector.add(undefined, rows);
  const names = new Set(rows.flatMap((row) => (isObject(row) ? Object.keys(row) : [])));
  if (names.size > MOST_COLUMNS) return addNothing(collector);
  for (const name of names)
    collector.add(
      name,
      rows.map((row) => (isObject(row) && Object.hasOwn(row, name) ? row[name] : null)),
    );
  return undefined;
}

/** It is no table. */
export function addNothing(collector: ColumnCollector): void {
  collector.add(undefined, [{}]);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
