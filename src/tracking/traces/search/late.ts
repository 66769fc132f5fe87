import type { ReadTx } from "../../../store/database.ts";
import type { Comparison } from "../../search/filter.ts";
import { joinSql, type Sql } from "../../search/sql.ts";
import { jsonText, type AnyValue, type KeyAnyValue } from "../otlp/any-value.ts";
import { marks, type TraceRow } from "../rows.ts";
import type { TraceKey } from "./keys.ts";
import type { Matcher } from "./matcher.ts";
import { spanDict } from "../span-dict.ts";

/**
 * A condition that no index and no bounded SQL answers: regular expressions, and texts within spans. It is checked
 * after the database's own conditions, for a few traces at a time.
 */
export type LateCondition = (tx: ReadTx, rows: readonly TraceRow[]) => Promise<ReadonlySet<number>>;

/** Traces with an entry, such as a tag, whose text matches. */
export function lateText(select: (tids: readonly number[]) => Sql, matches: Matcher): LateCondition {
  return async (tx, rows) => {
    const { sql, params } = select(rows.map((row) => row.tid));
    const texts = await tx.all<{ tid: number; text: string | null }>(sql, params);
    return new Set(texts.flatMap(({ tid, text }) => (text !== null && matches(text) ? [tid] : [])));
  };
}

/** One condition on a span. */
export interface LateSpanTest {
  key: Extract<TraceKey, { kind: "span" | "span-attribute" }>;
  matches: Matcher;
}

interface SpanTexts {
  tid: number;
  name: string;
  type: string | null;
  status: string;
  content: string;
}

/** Traces with one span that fulfils the SQL and all tests. */
export function lateSpans(conditions: readonly Sql[], tests: readonly LateSpanTest[]): LateCondition {
  const needsContent = tests.some(({ key }) => key.kind === "span-attribute" || key.column === "content");
  return async (tx, rows) => {
    const tids = rows.map((row) => row.tid);
    const { sql, params } = joinSql(
      [{ sql: `s.tid IN (${marks(tids)})`, params: tids }, ...conditions],
      " AND ",
    );
    const spans = await tx.all<SpanTexts>(
      `SELECT s.tid, s.name, s.type, s.status, ${needsContent ? "s.content" : "'' AS content"}
       FROM spans s WHERE ${sql}`,
      params,
    );
    const found = new Set<number>();
    for (const span of spans) {
      if (!found.has(span.tid) && tests.every((test) => passes(test, span))) found.add(span.tid);
    }
    return found;
  };
}

function passes({ key, matches }: LateSpanTest, span: SpanTexts): boolean {
  const text = key.kind === "span" ? columnText(key.column, span) : attributeText(span.content, key.key);
  return text !== null && matches(text);
}

/** The content is searched as MLflow keeps it: the words of our own form of it are in no span. */
function columnText(column: keyof Omit<SpanTexts, "tid">, span: SpanTexts): string | null {
  return column === "content" ? spanDict(span.content) : span[column];
}

/** An attribute's text: a string as it is, everything else as JSON. */
function attributeText(content: string, key: string): string | null {
  if (!content.includes(JSON.stringify(key))) return null;
  const { attributes } = JSON.parse(content) as { attributes: KeyAnyValue[] };
  const value: AnyValue | undefined = attributes.find((attribute) => attribute.key === key)?.value;
  return value ? (value.string_value ?? jsonText(value)) : null;
}

/** Whether a comparison of such a key has to be checked late. */
export function isLate(key: TraceKey, { operator }: Comparison): boolean {
  if (key.kind === "span-attribute") return true;
  return operator === "RLIKE" || (key.kind === "span" && key.column === "content");
}
