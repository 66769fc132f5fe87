import type { ReadTx } from "../../store/database.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import { runRow } from "../runs/queries.ts";
import { joinSql } from "../search/sql.ts";
import { wireDouble } from "../wire/json.ts";

/** As the order names its columns: each is read once. */
type PointRow = { k0: number; k1: number; k2: number; k3: number } & Record<string, unknown>;

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
    `SELECT ${page.columns.sql} FROM metrics
     WHERE ${where.sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...where.params, history.limit + 1],
  );
  const kept = rows.slice(0, history.limit);
  const last = kept.at(-1);
  return {
    metrics: kept.map(({ k0: timestamp, k1: step, k2: value, k3: isNan }) => ({
      key: history.key,
      value: wireDouble(value, isNan),
      timestamp,
      step,
    })),
    ...(rows.length > history.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}
