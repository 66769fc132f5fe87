import { setImmediate } from "node:timers/promises";
import type { ReadTx, SqlValue } from "../../../store/database.ts";
import { checkUnique, parseOrder, type OrderClause } from "../../search/order.ts";
import { pageBy, type OrderTerm } from "../../search/paging.ts";
import { joinSql, name, type Sql } from "../../search/sql.ts";
import { invalid } from "../../wire/errors.ts";
import { METADATA } from "../names.ts";
import { marks, ownExperiments, TRACE_COLUMNS, type TraceRow } from "../rows.ts";
import { traceFilter, type TraceCondition, type TraceFilter } from "./filter.ts";
import { traceKey } from "./keys.ts";

export interface TraceSearch {
  workspace: string;
  experimentIds: number[];
  filter: string;
  orderBy: string[];
  limit: number;
  pageToken: string | undefined;
}

/** Traces whose texts are looked through at once, and in one request; then the page ends, with a token to go on. */
const LATE_BATCH = 200;
const LATE_TRACES = 20_000;
/** Characters of spans that are looked through before others have their turn. */
const LATE_BATCH_BYTES = 8 * 1024 * 1024;
/** Characters of spans that one request looks through. */
const LATE_BYTES = 256 * 1024 * 1024;
/** Rows of an index that make a condition rare. */
const RARE = 1000;

/**
 * A page of traces. Where a filter asks for what only reading the spans can tell, a page may hold fewer than
 * asked for and still have a token: the search goes on behind it.
 */
export async function searchTraces(
  tx: ReadTx,
  search: TraceSearch,
): Promise<{ rows: TraceRow[]; token: string | undefined }> {
  const experimentIds = await ownExperiments(tx, search.workspace, search.experimentIds);
  const filter = await traceFilter(search.filter, { workspace: search.workspace, experimentIds });
  const terms = orderTerms(search.orderBy);
  const bound = JSON.stringify([search.filter, [...search.experimentIds].sort()]);
  let page = pageBy(terms, search.pageToken, bound);
  if (experimentIds.length === 0) return { rows: [], token: undefined };
  const where = await conditions(tx, experimentIds, filter);
  const batch = filter.late.length === 0 ? search.limit + 1 : LATE_BATCH;
  const found: TraceRow[] = [];
  let [traces, bytes] = [0, 0];
  for (;;) {
    const { sql, params } = joinSql([...where, ...(page.after ? [page.after] : [])], " AND ");
    const rows = await tx.all<TraceRow & Record<string, unknown>>(
      `SELECT ${TRACE_COLUMNS}, ${page.columns.sql} FROM traces r WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
      [...page.columns.params, ...params, batch],
    );
    const examined = filter.late.length === 0 ? rows : withinBytes(rows);
    const isEnd = rows.length < batch && examined.length === rows.length;
    const matching = await lateMatches(tx, filter, examined);
    for (const [index, row] of examined.entries()) {
      if (!matching(row)) continue;
      found.push(row);
      if (found.length < search.limit) continue;
      const isLast = isEnd && index === examined.length - 1;
      return { rows: found, token: isLast ? undefined : page.tokenOf(row) };
    }
    const last = examined.at(-1);
    if (isEnd || !last) return { rows: found, token: undefined };
    traces += examined.length;
    bytes += examined.reduce((sum, row) => sum + row.span_bytes, 0);
    const token = page.tokenOf(last);
    if (traces >= LATE_TRACES || bytes >= LATE_BYTES) return { rows: found, token };
    page = pageBy(terms, token, bound);
    // Others may have their turn between two batches.
    await setImmediate();
  }
}

/** As many of the rows as have spans to look through without keeping others waiting; one at least. */
function withinBytes<Row extends TraceRow>(rows: readonly Row[]): Row[] {
  let bytes = 0;
  return rows.filter((row, index) => {
    bytes += row.span_bytes;
    return index === 0 || bytes <= LATE_BATCH_BYTES;
  });
}

async function lateMatches(
  tx: ReadTx,
  { late }: TraceFilter,
  rows: readonly TraceRow[],
): Promise<(row: TraceRow) => boolean> {
  let remaining = rows;
  for (const condition of late) {
    if (remaining.length === 0) break;
    const passing = await condition(tx, remaining);
    remaining = remaining.filter((row) => passing.has(row.tid));
  }
  const tids = new Set(remaining.map((row) => row.tid));
  return (row) => tids.has(row.tid);
}

/** The conditions in SQL, each by its index where few traces fulfil it. */
export async function conditions(
  tx: ReadTx,
  experimentIds: readonly number[],
  filter: TraceFilter,
): Promise<Sql[]> {
  const found: Sql[] = [
    { sql: `r.experiment_id IN (${marks(experimentIds) || "NULL"})`, params: [...experimentIds] },
  ];
  for (const condition of filter.conditions) found.push(await cheaper(tx, condition));
  return found;
}

async function cheaper(tx: ReadTx, { sql, params, rare }: TraceCondition): Promise<Sql> {
  if (!rare) return { sql, params };
  const counted = await tx.get<{ n: number }>(`SELECT COUNT(*) AS n FROM (${rare.sql} LIMIT ?) few`, [
    ...rare.params,
    RARE + 1,
  ]);
  if (Number(counted?.n ?? 0) > RARE) return { sql, params };
  return { sql: `r.tid IN (${rare.sql})`, params: rare.params };
}

/** Ties by time, newest first, then by id. */
function orderTerms(clauses: readonly string[]): OrderTerm[] {
  const parsed = parseOrder(clauses);
  const named = parsed.map(termsOf);
  checkUnique(parsed, (clause) => JSON.stringify(traceKey(clause)));
  const last: OrderTerm[] = [
    { sql: "r.request_time", params: [], descending: true },
    { sql: "r.trace_id", params: [], descending: false },
  ];
  const taken = new Set(named.flat().map((term) => term.sql));
  return [...named.flat(), ...last.filter(({ sql }) => !taken.has(sql))];
}

function termsOf(clause: OrderClause): OrderTerm[] {
  const { descending } = clause;
  const key = traceKey(clause);
  switch (key.kind) {
    case "column":
      return key.isNullable
        ? nullable(key.column, [], key.isNumber ? "0" : "''", descending)
        : [{ sql: key.column, params: [], descending }];
    case "name":
      return nullable("r.name", [], "''", descending);
    case "run":
      return entry("trace_metadata", METADATA.sourceRun, descending);
    case "entry":
      return entry(key.table, key.key, descending);
    default:
      throw invalid(`Invalid order_by entity '${name(clause)}'. Valid are attributes, tags and metadata.`);
  }
}

function entry(table: string, key: string, descending: boolean): OrderTerm[] {
  const value = `(SELECT t.value FROM ${table} t WHERE t.tid = r.tid AND t.key = ?)`;
  return nullable(value, [key], "''", descending);
}

/** What is missing comes last, whatever the direction. */
function nullable(sql: string, params: SqlValue[], otherwise: string, descending: boolean): OrderTerm[] {
  return [
    { sql: `CASE WHEN ${sql} IS NULL THEN 1 ELSE 0 END`, params, descending: false },
    { sql: `COALESCE(${sql}, ${otherwise})`, params, descending },
  ];
}
