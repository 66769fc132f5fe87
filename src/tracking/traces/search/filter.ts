import { parseFilter, type Comparison, type Operator } from "../../search/filter.ts";
import { allow, compareInteger, compareText, joinSql, TEXT, type Sql } from "../../search/sql.ts";
import { invalid } from "../../wire/errors.ts";
import { METADATA } from "../names.ts";
import { marks } from "../rows.ts";
import { assessmentCondition, lateAssessment, type Scope } from "./assessment-filter.ts";
import { traceKey, type TraceKey } from "./keys.ts";
import { isLate, lateSpans, lateText, type LateCondition, type LateSpanTest } from "./late.ts";
import { matcher } from "./matcher.ts";

/** A condition on traces `r`. */
export interface TraceCondition extends Sql {
  /**
   * The numbers of the traces that fulfil it, from an index. Better than `sql` when they are few, worse when they are many.
   */
  rare?: Sql;
}

export interface TraceFilter {
  conditions: TraceCondition[];
  late: LateCondition[];
}

const STRING: readonly Operator[] = [...TEXT, "RLIKE", "IN", "NOT IN"];
const ENTRY: readonly Operator[] = [...TEXT, "RLIKE", "IS NULL", "IS NOT NULL"];
const NULLS: readonly Operator[] = ["IS NULL", "IS NOT NULL"];

/** A filter of MLflow's search of traces; INVALID_PARAMETER_VALUE names what is wrong with it. */
export async function traceFilter(filter: string, scope: Scope): Promise<TraceFilter> {
  const found: TraceFilter = { conditions: [], late: [] };
  const spans: [Comparison, SpanKey][] = [];
  for (const comparison of parseFilter(filter)) {
    const key = traceKey(comparison);
    check(key, comparison);
    if (key.kind === "span" || key.kind === "span-attribute") spans.push([comparison, key]);
    else if (isLate(key, comparison)) found.late.push(await lateCondition(key, comparison, scope));
    else found.conditions.push(condition(key, comparison, scope));
  }
  if (spans.length > 0) await addSpans(found, spans);
  return found;
}

type SpanKey = Extract<TraceKey, { kind: "span" | "span-attribute" }>;

/** Which operators a key has. */
function check(key: TraceKey, comparison: Comparison): void {
  switch (key.kind) {
    case "column":
      // Numbers refuse what isn't theirs themselves.
      return key.isNumber ? undefined : allow(comparison, STRING);
    case "name":
      return allow(comparison, [...STRING, ...NULLS]);
    case "run":
      return allow(comparison, [...STRING, ...NULLS]);
    case "entry":
      return allow(comparison, ENTRY);
    case "span":
      return allow(comparison, key.column === "content" ? ["LIKE", "ILIKE"] : STRING);
    case "span-attribute":
      return allow(comparison, STRING);
    case "assessment":
      return allow(comparison, [...ENTRY, "<", "<=", ">", ">="]);
    case "prompt":
    case "issue":
      return allow(comparison, ["="]);
  }
}

function condition(key: Exclude<TraceKey, SpanKey>, comparison: Comparison, scope: Scope): TraceCondition {
  switch (key.kind) {
    case "column":
      return key.isNumber ? compareInteger(key.column, comparison) : compareText(key.column, comparison);
    case "name":
      return isNull("r.name", comparison) ?? compareText("r.name", comparison);
    case "run":
      return runCondition(comparison);
    case "prompt":
      return promptCondition(comparison);
    case "entry":
      return entryCondition(key.table, key.key, comparison);
    case "assessment":
      return assessmentCondition(key, comparison, scope);
    case "issue": {
      const { sql, params } = compareText("a.name", comparison);
      return {
        sql: `EXISTS (SELECT 1 FROM assessments a WHERE a.tid = r.tid AND a.type = 'issue' AND ${sql})`,
        params,
      };
    }
  }
}

function isNull(expression: string, { operator }: Comparison): Sql | undefined {
  return NULLS.includes(operator) ? { sql: `${expression} ${operator}`, params: [] } : undefined;
}

function entryCondition(
  table: "trace_tags" | "trace_metadata",
  key: string,
  comparison: Comparison,
): TraceCondition {
  const { operator } = comparison;
  const from = `FROM ${table} t WHERE t.tid = r.tid AND t.key = ?`;
  if (operator === "IS NULL") return { sql: `NOT EXISTS (SELECT 1 ${from})`, params: [key] };
  if (operator === "IS NOT NULL") return { sql: `EXISTS (SELECT 1 ${from})`, params: [key] };
  const { sql, params } = compareText("t.value", comparison);
  const entry = { sql: `(SELECT ${sql} ${from})`, params: [...params, key] };
  return operator === "=" ? { ...entry, rare: entryIndex(table, key, comparison) } : entry;
}

function entryIndex(table: string, key: string, { value }: Comparison): Sql {
  return {
    sql: `SELECT t.tid FROM ${table} t
      WHERE t.key = ? AND substr(t.value, 1, 100) = substr(CAST(? AS TEXT), 1, 100) AND t.value = ?`,
    params: [key, String(value), String(value)],
  };
}

/** A trace belongs to the tracking run in which it was made, and to those that it was linked to. */
function runCondition(comparison: Comparison): TraceCondition {
  const made = entryCondition("trace_metadata", METADATA.sourceRun, comparison);
  if (comparison.operator !== "=" && comparison.operator !== "IN")
    return { sql: made.sql, params: made.params };
  const { sql, params } = compareText("l.target", comparison);
  return {
    sql: `(${made.sql} OR EXISTS (SELECT 1 FROM trace_links l WHERE l.tid = r.tid AND l.kind = 'run' AND ${sql}))`,
    params: [...made.params, ...params],
    ...(made.rare && {
      rare: {
        sql: `${made.rare.sql} UNION ALL SELECT l.tid FROM trace_links l WHERE l.kind = 'run' AND ${sql}`,
        params: [...made.rare.params, ...params],
      },
    }),
  };
}

function promptCondition(comparison: Comparison): TraceCondition {
  const prompt = String(comparison.value);
  if (prompt.split("/").length !== 2) {
    throw invalid(
      `Invalid prompts filter value '${prompt.slice(0, 200)}'. Expected format: prompt = "name/version"`,
    );
  }
  const links = "FROM trace_links l WHERE l.kind = 'prompt' AND l.target = ?";
  return {
    sql: `EXISTS (SELECT 1 ${links} AND l.tid = r.tid)`,
    params: [prompt],
    rare: { sql: `SELECT l.tid ${links}`, params: [prompt] },
  };
}

/** All conditions on spans are on one and the same. */
async function addSpans(found: TraceFilter, spans: readonly [Comparison, SpanKey][]): Promise<void> {
  const conditions: Sql[] = [];
  const tests: LateSpanTest[] = [];
  let named: string | undefined;
  for (const [comparison, key] of spans) {
    if (isLate(key, comparison)) tests.push({ key, matches: await matcher(comparison) });
    else if (key.kind === "span") {
      conditions.push(compareText(`s.${key.column}`, comparison));
      if (key.column === "name" && comparison.operator === "=") named = String(comparison.value);
    }
  }
  if (conditions.length > 0) {
    const { sql, params } = joinSql(conditions, " AND ");
    found.conditions.push({
      sql: `EXISTS (SELECT 1 FROM spans s WHERE s.tid = r.tid AND ${sql})`,
      params,
      ...(named !== undefined && {
        rare: {
          sql: `SELECT s.tid FROM spans s WHERE substr(s.name, 1, 100) = substr(CAST(? AS TEXT), 1, 100) AND ${sql}`,
          params: [named, ...params],
        },
      }),
    });
  }
  if (tests.length > 0) found.late.push(lateSpans(conditions, tests));
}

async function lateCondition(key: TraceKey, comparison: Comparison, scope: Scope): Promise<LateCondition> {
  const matches = await matcher(comparison);
  const entries = (table: string, entry: string): LateCondition =>
    lateText(
      (tids) => ({
        sql: `SELECT tid, value AS text FROM ${table} WHERE key = ? AND tid IN (${marks(tids)})`,
        params: [entry, ...tids],
      }),
      matches,
    );
  switch (key.kind) {
    case "entry":
      return entries(key.table, key.key);
    case "run":
      return entries("trace_metadata", METADATA.sourceRun);
    case "assessment":
      return lateAssessment(key, matches, scope);
    case "name":
    case "column": {
      const column = key.kind === "name" ? "r.name" : key.column;
      return lateText(
        (tids) => ({
          sql: `SELECT r.tid, ${column} AS text FROM traces r WHERE r.tid IN (${marks(tids)})`,
          params: [...tids],
        }),
        matches,
      );
    }
    default:
      throw invalid(`Invalid comparator '${comparison.operator}' for '${comparison.key}'.`);
  }
}
