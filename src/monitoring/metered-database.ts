import { toSlipwayError } from "../http/errors.ts";
import type { Database } from "../store/database.ts";
import type { MetricSource } from "./metrics-routes.ts";
import { PowerHistogram } from "./power-histogram.ts";

/** From 128 us to 67 s. */
const FIRST_POWER = 7;
const BOUNDS = 20;
const NOT_TAKEN: ReadonlySet<string> = new Set(["UNAVAILABLE", "STORE_FAILED", "STORE_FULL"]);

/** The same database, whose writes are counted and timed. @param ticks milliseconds of a clock that never goes back */
export function meterDatabase(
  db: Database,
  ticks: () => number,
): { database: Database; source: MetricSource } {
  const durations = new PowerHistogram(FIRST_POWER, BOUNDS);
  const ended = { ok: 0, failed: 0, refused: 0 };
  let waiting = 0;
  const database: Database = {
    async write(command, args, also) {
      const began = ticks();
      waiting += 1;
      try {
        const result = await db.write(command, args, also);
        ended.ok += 1;
        durations.add(Math.round((ticks() - began) * 1_000));
        return result;
      } catch (error) {
        ended[NOT_TAKEN.has(toSlipwayError(error).code) ? "refused" : "failed"] += 1;
        throw error;
      } finally {
        waiting -= 1;
      }
    },
    read: (query) => db.read(query),
    close: () => db.close(),
  };
  return {
    database,
    async source(page) {
      page.add("slipway_store_writes_waiting", {}, waiting);
      for (const [result, count] of Object.entries(ended))
        page.add("slipway_store_writes_total", { result }, count);
      page.addHistogram("slipway_store_write_duration_seconds", {}, durations.read(1e-6));
    },
  };
}
