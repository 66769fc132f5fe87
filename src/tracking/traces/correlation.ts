import type { ReadTx } from "../../store/database.ts";
import { joinSql } from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import { ownExperiments } from "./rows.ts";
import { traceFilter } from "./search/filter.ts";
import { conditions } from "./search/search.ts";

interface CorrelationArgs {
  workspace: string;
  experimentIds: number[];
  first: string;
  second: string;
  /** "": all traces. */
  base: string;
}

/** How often two filters hold together, and how far that is from chance: CalculateTraceFilterCorrelation. */
export async function correlate(tx: ReadTx, args: CorrelationArgs): Promise<object> {
  const experimentIds = await ownExperiments(tx, args.workspace, args.experimentIds);
  const countOf = async (...filters: string[]): Promise<number> => {
    const filter = filters.filter((text) => text.trim() !== "").join(" AND ");
    const compiled = await traceFilter(filter, { workspace: args.workspace, experimentIds });
    if (compiled.late.length > 0) {
      throw invalid(
        "RLIKE and conditions on what spans contain can't be correlated: search for them instead.",
      );
    }
    const { sql, params } = joinSql(await conditions(tx, experimentIds, compiled), " AND ");
    const row = await tx.get<{ n: number }>(`SELECT COUNT(*) AS n FROM traces r WHERE ${sql}`, params);
    return Number(row?.n ?? 0);
  };
  const counts = {
    first: await countOf(args.base, args.first),
    second: await countOf(args.base, args.second),
    joint: await countOf(args.base, args.first, args.second),
    total: await countOf(args.base),
  };
  const plain = normalisedPmi(counts);
  const smoothed = normalisedPmi(counts, 0.5);
  return {
    ...(Number.isNaN(plain) ? {} : { npmi: plain }),
    ...(Number.isNaN(smoothed) ? {} : { npmi_smoothed: smoothed }),
    filter1_count: counts.first,
    filter2_count: counts.second,
    joint_count: counts.joint,
    total_count: counts.total,
  };
}

/**
 * Normalised pointwise mutual information, from -1 (never together) over 0 (as by chance) to 1 (always together); NaN
 * where one of them never happens. `smoothing` is added to each cell of the two-by-two table (0.5: Jeffreys' prior).
 * Pure. Bouma, Normalized (Pointwise) Mutual Information in Collocation Extraction, 2009.
 */
export function normalisedPmi(
  { first, second, joint, total }: { first: number; second: number; joint: number; total: number },
  smoothing = 0,
): number {
  if (total <= 0 || first === 0 || second === 0) return Number.NaN;
  const cells = [joint, first - joint, second - joint, total - first - second + joint];
  if (Math.min(...cells) < 0) return Number.NaN;
  if (smoothing === 0 && joint === 0) return -1;
  const [both = 0, onlyFirst = 0, onlySecond = 0, neither = 0] = cells;
  if (onlyFirst === 0 && onlySecond === 0 && neither === 0) return 1;
  const all = total + 4 * smoothing;
  const together = both + smoothing;
  const information = Math.log(together * all) - Math.log((first + 2 * smoothing) * (second + 2 * smoothing));
  return Math.max(-1, Math.min(1, information / -Math.log(together / all)));
}
