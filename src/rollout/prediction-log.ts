import type { RolloutMetric } from "../spec/project.ts";
import { ingestPredictions, type LabelBounds, pruneLabels } from "./commands/labels.ts";
import type { RolloutDeps } from "./deps.ts";
import { createMutex } from "./mutex.ts";
import { selectRollouts, selectServices } from "./rows.ts";

/** What is kept for joining labels with their predictions. */
export const LABEL_BOUNDS: LabelBounds = {
  grace: 2 * 60_000,
  predictionAge: 60 * 60_000,
  predictionRows: 300_000,
  labelAge: 7 * 24 * 60 * 60_000,
  // Twice the predictions: each of those that came before a kept one and after it may have got its label later.
  labelRows: 600_000,
};

/** Labels may come this many times later than a metric waits for them. */
const WAITS_KEPT = 2;
const PAGE = 2_000;
/** Pages per call: a long log is read over several calls, so that nobody waits for all of it. */
const MOST_PAGES = 20;
/** Whoever needs what was answered just now waits no longer than this for it. */
const CATCH_UP_MS = 3_000;
const PRUNE_EVERY_MS = 10_000;

export interface PredictionLog {
  /** Reads what the backend has answered since the last call. */
  ingest(): Promise<void>;
  /**
   * Resolves when what had been answered before this call is read, or can't be: serve is away, or it takes longer than
   * CATCH_UP_MS. Calls at the same time share one reading, which begins after all of them.
   */
  catchUp(): Promise<void>;
  /** Labels have come for this service: its predictions are kept even if no policy asks for labels. */
  keepFor(service: string): void;
}

/** Follows the backend's prediction log with a cursor that moves in the same transaction as what it brought. */
export function createPredictionLog(
  deps: Pick<RolloutDeps, "db" | "backend" | "clock" | "log">,
): PredictionLog {
  const alone = createMutex();
  const asked = new Set<string>();
  let isSeeded = false;
  let prunedAt = 0;
  let skipped: Skipped | undefined;
  let nextReading: Promise<void> | undefined;

  async function read(): Promise<void> {
    if (!isSeeded) for (const service of await servicesWithStoredLabels(deps.db)) asked.add(service);
    isSeeded = true;
    const { wanted, longestWait } = await servicesWithLabels(deps.db, asked);
    skipped = await readPages(deps, wanted, skipped);
    const now = deps.clock.now();
    // Both ways: a clock that was set back must not end it.
    if (Math.abs(now - prunedAt) < PRUNE_EVERY_MS) return;
    prunedAt = now;
    const predictionAge = Math.max(LABEL_BOUNDS.predictionAge, WAITS_KEPT * longestWait);
    const labelAge = Math.max(LABEL_BOUNDS.labelAge, predictionAge + LABEL_BOUNDS.grace);
    const { unknown } = await deps.db.write(pruneLabels, { ...LABEL_BOUNDS, predictionAge, labelAge, now });
    if (unknown > 0) deps.log(`${unknown} labels name no prediction that is kept`, undefined);
  }

  function sharedReading(): Promise<void> {
    nextReading ??= alone(async () => {
      // Who asks from here on may ask about something that this reading has passed.
      nextReading = undefined;
      await read().catch((error: unknown) =>
        deps.log("labels came, and the predictions can't be read", error),
      );
    });
    return nextReading;
  }

  return {
    keepFor: (service) => void asked.add(service),
    ingest: () => alone(read),
    async catchUp() {
      const waited = new AbortController();
      const longest = deps.clock.sleep(CATCH_UP_MS, waited.signal).catch(() => undefined);
      await Promise.race([sharedReading(), longest]);
      waited.abort();
    },
  };
}

/** Where the log was read up to without finding anything to keep: not worth a transaction. */
interface Skipped {
  /** The stored cursor from which it was read. */
  from: string;
  to: string;
}

async function readPages(
  { db, backend, log }: Pick<RolloutDeps, "db" | "backend" | "log">,
  wanted: ReadonlySet<string>,
  before: Skipped | undefined,
): Promise<Skipped | undefined> {
  let skipped = before;
  for (let i = 0; i < MOST_PAGES; i++) {
    const stored = await db.read((tx) =>
      tx.get<{ prediction_cursor: string }>("SELECT prediction_cursor FROM rollout_environment WHERE id = 1"),
    );
    const from = stored?.prediction_cursor ?? "";
    const cursor = skipped?.from === from ? skipped.to : from;
    const page = await backend.predictions(cursor, PAGE, [...wanted]);
    if (page.gap && cursor !== "") log("predictions were dropped before they were read", undefined);
    const records = page.records.filter((record) => wanted.has(record.service));
    if (records.length === 0) skipped = { from, to: page.cursor };
    else await db.write(ingestPredictions, { from, to: page.cursor, records });
    if (page.isEnd) break;
  }
  return skipped;
}

/** Services whose predictions are kept, and the longest that a metric of theirs waits for labels (milliseconds). */
async function servicesWithLabels(
  db: RolloutDeps["db"],
  asked: ReadonlySet<string>,
): Promise<{ wanted: ReadonlySet<string>; longestWait: number }> {
  return db.read(async (tx) => {
    const wanted = new Set(asked);
    let longestWait = 0;
    const look = (service: string, metrics: readonly RolloutMetric[] = []): void => {
      for (const metric of metrics) {
        if (!("from" in metric)) continue;
        wanted.add(service);
        longestWait = Math.max(longestWait, metric.within);
      }
    };
    for (const service of await selectServices(tx)) look(service.name, service.policy?.metrics);
    for (const rollout of await selectRollouts(tx, "state IN ('checking', 'progressing', 'held')", []))
      look(rollout.service, rollout.request.policy.metrics);
    return { wanted, longestWait };
  });
}

/** Labels were sent for these before this process began: as `keepFor`. */
async function servicesWithStoredLabels(db: RolloutDeps["db"]): Promise<string[]> {
  return db.read(async (tx) => {
    const found: string[] = [];
    for (const { name } of await selectServices(tx))
      if (await tx.get("SELECT 1 AS one FROM rollout_labels WHERE service = ? LIMIT 1", [name]))
        found.push(name);
    return found;
  });
}
