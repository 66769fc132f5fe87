import type { ReadTx } from "../../store/database.ts";
import { experimentsOf } from "../experiments/queries.ts";
import { stagesOf, type ViewType } from "../experiments/search.ts";
import { parseFilter } from "../search/filter.ts";
import { keysOf, readToken, writeToken } from "../search/paging.ts";
import { jsonList, jsonObject } from "../wire/json.ts";
import { runMessages } from "./messages.ts";
import type { RunRow } from "./queries.ts";
import { runCondition } from "./search-conditions.ts";
import { orderFields, termsOf } from "./search-order.ts";
import { planRuns, type RunPlan } from "./search-plan.ts";

export interface RunSearch {
  workspace: string;
  experimentIds: number[];
  filter: string;
  orderBy: string[];
  view: ViewType;
  limit: number;
  pageToken: string | undefined;
}

/** A page of runs as MLflow's SearchRuns.Response. */
export async function searchRuns(tx: ReadTx, search: RunSearch): Promise<object> {
  const conditions = parseFilter(search.filter).map(runCondition);
  const order = orderFields(search.orderBy);
  const terms = order.flatMap(termsOf);
  const bound = boundTo(search);
  const after = search.pageToken ? readToken(search.pageToken, bound, terms.length) : undefined;
  const experimentIds = await experimentsOf(tx, search.workspace, [...new Set(search.experimentIds)]);
  if (experimentIds.length === 0) return { runs: [] };
  const stages = stagesOf(search.view);
  const { limit } = search;
  const plan = await planRuns(tx, { experimentIds, stages, conditions, order, limit, after });
  // One more than a page tells whether there is another.
  const rows = await run(tx, plan, limit + 1);
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return jsonObject({
    runs: jsonList(await runMessages(tx, kept)),
    next_page_token: rows.length > limit && last ? writeToken(bound, keysOf(last, terms.length)) : undefined,
  });
}

async function run(tx: ReadTx, plan: RunPlan, limit: number): Promise<(RunRow & Record<string, unknown>)[]> {
  const found: (RunRow & Record<string, unknown>)[] = [];
  for (const statement of plan) {
    const { sql, params } = statement(limit - found.length);
    found.push(...(await tx.all<RunRow & Record<string, unknown>>(sql, params)));
    if (found.length >= limit) break;
  }
  return found;
}

/** What a page token is good for: the same search, whatever the size of its pages. */
function boundTo({ workspace, experimentIds, filter, orderBy, view }: RunSearch): string {
  return JSON.stringify(["runs", workspace, [...experimentIds].sort((a, b) => a - b), filter, orderBy, view]);
}
