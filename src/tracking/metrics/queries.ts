import type { ReadTx } from "../../store/database.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import { runRow } from "../runs/queries.ts";
import { joinSql } from "../search/sql.ts";
import { wireDouble } from "../wire/json.ts";

interface PointRow extends Record<string, unknown> {
  value: number;
  is_nan: number;
  timestamp: number;
  step: number;
}

/** The order of the primary key, so that a page is one short walk along it. */
const ORDER: readonly OrderTerm[] = ["timestamp", "step", "value", "is_nan"].map((column) => ({
  sql: column,
  params: [],
  descending: false,
}));

/** All points of one metric, a page of them, oldest first. */
export async function metricHistory(
  tx: ReadTx,
  history: { workspace: string; runId: string; key: string; limit: number; pageToken: string | undefined },
): Promise<object> {
  const { rid } = await runRow(tx, history.workspace, history.runId);
  const page = pageBy(ORDER, history.pageToken);
  const where = joinSql(
    [{ sql: "rid = ? AND key = ?", params: [rid, history.key] }, ...(page.after ? [page.after] : [])],
    " AND ",
  );
  const rows = await tx.all<PointRow>(
    `SELECT value, is_nan, timestamp, step, ${page.columns.sql} FROM metrics
     WHERE ${where.sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...where.params, history.limit + 1],
  );
  const kept = rows.slice(0, history.limit);
  const last = kept.at(-1);
  return {
    metrics: kept.map(({ value, is_nan, timestamp, step }) => ({
      key: history.key,
      value: wireDouble(value, is_nan),
      timestamp,
      step,
    })),
    ...(rows.length > history.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}
