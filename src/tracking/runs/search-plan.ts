import type { ReadTx, SqlValue } from "../../store/database.ts";
import { afterRow, keyColumns, type OrderTerm } from "../search/paging.ts";
import { joinSql, type Sql } from "../search/sql.ts";
import { RUN_COLUMNS } from "./queries.ts";
import { BY_VALUE, indexed, indexedPart, type EntryTable, type RunCondition } from "./search-conditions.ts";
import { filler, missingClass, NAN, termsOf, VALUE, type OrderField } from "./search-order.ts";

/** What is searched for, read and checked. */
export interface RunQuery {
  /** Those of the tenant's experiments that were asked for; at least one. */
  experimentIds: readonly number[];
  stages: readonly ("active" | "deleted")[];
  conditions: readonly RunCondition[];
  /** At least one. */
  order: readonly OrderField[];
  limit: number;
  /** The keys of the row that the page begins behind. */
  after: readonly SqlValue[] | undefined;
}

/**
 * Statements that give the page together, one after the other: each is asked for what the ones before it left.
 * Their rows have columns k0, k1, …, the same whatever the plan is, so that a page token fits all of them.
 */
export type RunPlan = readonly ((limit: number) => Sql)[];

/** Rows of an index that are counted at most, and runs that are sorted rather than walked through in order. */
const FEW = 1000;
/** Experiments (and stages) whose runs are merged from walks of their own; more are sorted. */
const WALKS = 16;

/**
 * Chooses between three ways to a page. Runs with one of few ids, or that a selective condition finds in the index
 * by value: look at each of them, sort. Else walk in the order asked for along the index that has it, and stop when
 * the page is full. Else, where no index has the order, look at every run of the experiments.
 */
export async function planRuns(tx: ReadTx, query: RunQuery): Promise<RunPlan> {
  const terms = query.order.flatMap(termsOf);
  const [first] = query.order;
  const byId = query.conditions.find((condition) => condition.runIds !== undefined);
  if (byId) return [(limit) => all(query, terms, limit)];
  const best = await mostSelective(tx, query);
  const isOrder =
    first !== undefined &&
    first.table !== "runs" &&
    best?.entry?.table === first.table &&
    best.entry.key === first.key;
  if (best && !isOrder) return [(limit) => driven(tx, query, best, terms, limit)];
  if (first && first.table !== "runs" && query.experimentIds.length <= WALKS) {
    return walkByValue(tx, query, first);
  }
  const isByTime = first?.table === "runs" && first.column === "start_time";
  if (isByTime && query.experimentIds.length * query.stages.length <= WALKS) {
    return [(limit) => walkByTime(query, terms, limit)];
  }
  return [(limit) => all(query, terms, limit)];
}

/** The condition that fewest rows of an index fulfil, when these are few. */
async function mostSelective(tx: ReadTx, query: RunQuery): Promise<RunCondition | undefined> {
  let best: RunCondition | undefined;
  let fewest = FEW;
  for (const condition of query.conditions) {
    if (!condition.isSelective || !condition.entry) continue;
    const { sql, params } = entryRows(tx, query, condition.entry);
    const found = await tx.get<{ n: number }>(
      `SELECT COUNT(*) AS n FROM (SELECT 1 ${sql} LIMIT ${FEW}) c`,
      params,
    );
    const rows = Number(found?.n ?? 0);
    if (rows < fewest) [best, fewest] = [condition, rows];
  }
  return best;
}

/** FROM … WHERE of rows of metrics, params or tags, as `o`, of the experiments. */
function entryRows(
  tx: ReadTx,
  query: Pick<RunQuery, "experimentIds">,
  entry: NonNullable<RunCondition["entry"]>,
): Sql {
  const experiments = inExperiments("o.experiment_id", query.experimentIds);
  return {
    sql: `FROM ${byValue(tx, entry.table)} WHERE ${experiments.sql} AND o.key = ? AND ${entry.where.sql}`,
    params: [...experiments.params, entry.key, ...entry.where.params],
  };
}

/** SQLite has no statistics to choose by, so it's told; PostgreSQL finds the index itself. */
function byValue(tx: ReadTx, table: EntryTable): string {
  return tx.dialect === "sqlite" ? `${table} o INDEXED BY ${BY_VALUE[table]}` : `${table} o`;
}

/** Looks at the runs that one condition's index finds. */
function driven(
  tx: ReadTx,
  query: RunQuery,
  by: RunCondition,
  terms: readonly OrderTerm[],
  limit: number,
): Sql {
  const { entry } = by;
  if (!entry) return all(query, terms, limit);
  const experiments = inExperiments("o.experiment_id", query.experimentIds);
  const from = `${byValue(tx, entry.table)} CROSS JOIN runs r`;
  const where = [
    experiments,
    { sql: "o.key = ?", params: [entry.key] },
    entry.where,
    ...query.conditions.filter((condition) => condition !== by).map((condition) => condition.of("o.rid")),
    { sql: "r.rid = o.rid", params: [] },
    ...inStages(query.stages),
    ...after(terms, query.after),
  ];
  return select(from, where, terms, limit);
}

/** Looks at every run of the experiments; where ids are given the databases find these by themselves. */
function all(query: RunQuery, terms: readonly OrderTerm[], limit: number): Sql {
  const where = [
    inExperiments("r.experiment_id", query.experimentIds),
    ...inStages(query.stages),
    ...query.conditions.map((condition) => condition.of("r.rid")),
    ...after(terms, query.after),
  ];
  return select("runs r", where, terms, limit);
}

/** Along the index by start time: one walk for each experiment and stage, merged. */
function walkByTime(query: RunQuery, terms: readonly OrderTerm[], limit: number): Sql {
  const walks = query.experimentIds.flatMap((experiment) =>
    query.stages.map((stage) =>
      select(
        "runs r",
        [
          ...listed(experiment, stage),
          ...query.conditions.map((condition) => condition.of("r.rid")),
          ...after(terms, query.after),
        ],
        terms,
        limit,
      ),
    ),
  );
  return merge(walks, terms, limit);
}

/** Along the index by value: values, then NaN, then the runs that have none. */
function walkByValue(tx: ReadTx, query: RunQuery, field: Extract<OrderField, { key: string }>): RunPlan {
  const { table, key } = field;
  const own = query.conditions.filter(({ entry }) => entry?.table === table && entry.key === key);
  const nanIsOut = table !== "latest_metrics" || own.some((condition) => condition.isSelective);
  const reached = Number(query.after?.[0] ?? VALUE);
  return [
    ...(reached <= VALUE ? [(limit: number) => present(tx, query, field, VALUE, limit)] : []),
    ...(reached <= NAN && !nanIsOut ? [(limit: number) => present(tx, query, field, NAN, limit)] : []),
    // Every comparison with a value is false where there is none.
    ...(own.length === 0 ? [(limit: number) => missing(query, field, limit)] : []),
  ];
}

type EntryField = Extract<OrderField, { key: string }>;

function present(tx: ReadTx, query: RunQuery, field: EntryField, kind: number, limit: number): Sql {
  const { table, key, descending } = field;
  const rest = query.order.slice(1).flatMap(termsOf);
  const value: OrderTerm = { sql: kind === NAN ? filler(table) : "o.value", params: [], descending };
  const terms = [constant(kind), value, ...rest];
  // A text is indexed by its beginning; the whole of it settles the order of those that begin alike.
  const start: OrderTerm[] =
    table === "latest_metrics" ? [] : [{ sql: indexed("o.value"), params: [], descending }];
  const keys = keysWithin(query.after, kind);
  const behind = keys && start.length > 0 ? [beginning(keys[0]), ...keys] : keys;
  const isOwn = ({ entry }: RunCondition): boolean => entry?.table === table && entry.key === key;
  const where = [
    ...(table === "latest_metrics" ? [{ sql: `o.is_nan = ${kind}`, params: [] }] : []),
    ...query.conditions.map((condition) =>
      isOwn(condition) && condition.entry ? condition.entry.where : condition.of("o.rid"),
    ),
    { sql: "r.rid = o.rid", params: [] },
    ...inStages(query.stages),
    ...(kind === NAN ? after(rest, keys?.slice(1)) : after([...start, value, ...rest], behind)),
  ];
  const orderBy = [
    ...start.map(({ sql }) => `${sql}${descending ? " DESC" : ""}`),
    ...byKeys(terms).slice(kind === NAN ? 2 : 1),
  ];
  const from = `${byValue(tx, table)} CROSS JOIN runs r`;
  const walks = query.experimentIds.map((experiment) => {
    const entries = { sql: "o.experiment_id = ? AND o.key = ?", params: [experiment, key] };
    return select(from, [entries, ...where], terms, limit, orderBy);
  });
  return merge(walks, terms, limit);
}

/** The runs that have no such metric, param or tag, by time. */
function missing(query: RunQuery, { table, key, descending }: EntryField, limit: number): Sql {
  const kind = missingClass(table);
  const rest = query.order.slice(1).flatMap(termsOf);
  const terms = [constant(kind), { sql: filler(table), params: [], descending }, ...rest];
  const none = `NOT EXISTS (SELECT 1 FROM ${table} t WHERE t.rid = r.rid AND t.key = ?)`;
  const where = [
    { sql: none, params: [key] },
    ...query.conditions.map((condition) => condition.of("r.rid")),
    ...after(rest, keysWithin(query.after, kind)?.slice(1)),
  ];
  const walks = query.experimentIds.flatMap((experiment) =>
    query.stages.map((stage) =>
      select("runs r", [...listed(experiment, stage), ...where], terms, limit, byKeys(terms).slice(2)),
    ),
  );
  return merge(walks, terms, limit);
}

function constant(kind: number): OrderTerm {
  return { sql: String(kind), params: [], descending: false };
}

/** Runs of one experiment and stage, as the index by start time has them. */
function listed(experiment: number, stage: string): Sql[] {
  return [{ sql: `r.experiment_id = ? AND r.lifecycle_stage = '${stage}'`, params: [experiment] }];
}

/** The keys behind the kind of value, when the page begins within that kind. */
function keysWithin(keys: readonly SqlValue[] | undefined, kind: number): SqlValue[] | undefined {
  return keys && Number(keys[0]) === kind ? keys.slice(1) : undefined;
}

/** A text as the index has it. */
function beginning(value: SqlValue | undefined): SqlValue {
  return typeof value === "string" ? indexedPart(value) : (value ?? null);
}

function after(terms: readonly OrderTerm[], keys: readonly SqlValue[] | undefined): Sql[] {
  return keys ? [afterRow(terms, keys)] : [];
}

function select(
  from: string,
  where: readonly Sql[],
  terms: readonly OrderTerm[],
  limit: number,
  orderBy: readonly string[] = byKeys(terms),
): Sql {
  const columns = keyColumns(terms);
  const condition = joinSql(where, " AND ");
  return {
    sql: `SELECT ${RUN_COLUMNS}, ${columns.sql} FROM ${from} WHERE ${condition.sql} ORDER BY ${orderBy.join(", ")} LIMIT ?`,
    params: [...columns.params, ...condition.params, limit],
  };
}

/** ORDER BY the columns of the keys. */
function byKeys(terms: readonly OrderTerm[]): string[] {
  return terms.map((term, index) => `k${index}${term.descending ? " DESC" : ""}`);
}

function merge(walks: readonly Sql[], terms: readonly OrderTerm[], limit: number): Sql {
  const [only, ...more] = walks;
  if (only && more.length === 0) return only;
  const { sql, params } = joinSql(
    walks.map((walk, index) => ({ sql: `SELECT * FROM (${walk.sql}) w${index}`, params: walk.params })),
    " UNION ALL ",
  );
  return { sql: `${sql} ORDER BY ${byKeys(terms).join(", ")} LIMIT ?`, params: [...params, limit] };
}

function inExperiments(column: string, ids: readonly number[]): Sql {
  if (ids.length === 1) return { sql: `${column} = ?`, params: [...ids] };
  // Numbers of our own; thousands of them would be more than a statement may have placeholders.
  if (ids.length > 100) return { sql: `${column} IN (${ids.join(", ")})`, params: [] };
  return { sql: `${column} IN (${ids.map(() => "?").join(", ")})`, params: [...ids] };
}

function inStages(stages: RunQuery["stages"]): Sql[] {
  return stages.length === 1 ? [{ sql: `r.lifecycle_stage = '${stages[0]}'`, params: [] }] : [];
}
