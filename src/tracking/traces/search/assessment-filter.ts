import type { Comparison } from "../../search/filter.ts";
import { compareNumber, compareText, type Sql } from "../../search/sql.ts";
import { invalid } from "../../wire/errors.ts";
import { marks } from "../rows.ts";
import type { TraceKey } from "./keys.ts";
import type { LateCondition } from "./late.ts";
import type { Matcher } from "./matcher.ts";

/** What a search looks at: experiments of one tenant. */
export interface Scope {
  workspace: string;
  experimentIds: readonly number[];
}

type AssessmentKey = Extract<TraceKey, { kind: "assessment" }>;

const OWN = "a.type = ? AND a.name = ? AND a.valid = 1";

/**
 * A trace fulfils a condition by an assessment of its own, or by one that was made of its whole session: such a
 * one hangs on one trace of the session and names the session in its metadata.
 */
export function assessmentCondition(key: AssessmentKey, comparison: Comparison, scope: Scope): Sql {
  const { operator } = comparison;
  if (operator === "IS NULL" || operator === "IS NOT NULL") {
    const { sql, params } = exists(key, { sql: "1 = 1", params: [] }, scope);
    return { sql: operator === "IS NULL" ? `NOT (${sql})` : `(${sql})`, params };
  }
  const { sql, params } = exists(key, valueCondition(comparison), scope);
  return { sql: `(${sql})`, params };
}

function exists(key: AssessmentKey, value: Sql, scope: Scope): Sql {
  const own = [key.type, key.name];
  const { experimentIds } = scope;
  return {
    sql: `EXISTS (SELECT 1 FROM assessments a WHERE a.tid = r.tid AND ${OWN} AND ${value.sql})
      OR (r.session_id IS NOT NULL AND r.session_id IN (
        SELECT t.session_id FROM assessments a JOIN traces t ON t.tid = a.tid
        WHERE ${OWN} AND a.of_session = 1 AND t.workspace = ?
        AND t.experiment_id IN (${marks(experimentIds) || "NULL"}) AND t.session_id IS NOT NULL AND ${value.sql}))`,
    params: [...own, ...value.params, ...own, scope.workspace, ...experimentIds, ...value.params],
  };
}

function valueCondition(comparison: Comparison): Sql {
  const { operator, value } = comparison;
  if (operator === "LIKE" || operator === "ILIKE") return compareText("a.text", comparison);
  if (operator !== "=" && operator !== "!=") {
    const { sql, params } = compareNumber("a.number", comparison);
    return { sql: `(a.is_number = 1 AND ${sql})`, params };
  }
  if (typeof value !== "string") {
    throw invalid(
      `Expected a quoted string value for ${comparison.entity} (e.g. 'my-value'). Got value ${comparison.text}`,
    );
  }
  const same = "(a.text = ? OR a.value = ?)";
  return { sql: operator === "=" ? same : `NOT ${same}`, params: [value, value] };
}

/** The same for a text that is matched here. */
export function lateAssessment(key: AssessmentKey, matches: Matcher, scope: Scope): LateCondition {
  return async (tx, rows) => {
    const tids = rows.map((row) => row.tid);
    const sessions = [...new Set(rows.flatMap((row) => row.session_id ?? []))];
    const own = await tx.all<{ tid: number; text: string }>(
      `SELECT a.tid, a.text FROM assessments a WHERE ${OWN} AND a.tid IN (${marks(tids)})`,
      [key.type, key.name, ...tids],
    );
    const ofSessions = await tx.all<{ session_id: string; text: string }>(
      `SELECT t.session_id, a.text FROM traces t JOIN assessments a ON a.tid = t.tid
       WHERE t.workspace = ? AND t.experiment_id IN (${marks(scope.experimentIds) || "NULL"})
       AND t.session_id IN (${marks(sessions) || "NULL"}) AND a.of_session = 1 AND ${OWN}`,
      [scope.workspace, ...scope.experimentIds, ...sessions, key.type, key.name],
    );
    const found = new Set(own.filter(({ text }) => matches(text)).map(({ tid }) => tid));
    const matching = new Set(ofSessions.filter(({ text }) => matches(text)).map((row) => row.session_id));
    for (const row of rows) if (row.session_id !== null && matching.has(row.session_id)) found.add(row.tid);
    return found;
  };
}
