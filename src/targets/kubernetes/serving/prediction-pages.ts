import type { PredictionPage, PredictionRecord } from "../../../serving/outcomes.ts";

/** One serve pod's prediction log. */
export interface LogOfPod {
  /** Of the pod, whatever process runs in it. */
  pod: string;
  read(cursor: string, limit: number): Promise<PredictionPage>;
}

type Cursors = Record<string, string>;

/**
 * A page over the logs of all pods, each read from where its own cursor stands; the whole cursor holds them all. A pod
 * that is gone took with it what nobody had read: that is a gap, told once.
 */
export async function readPages(
  logs: readonly LogOfPod[],
  cursor: string,
  limit: number,
): Promise<PredictionPage> {
  const before = parse(cursor);
  const after: Cursors = {};
  const records: PredictionRecord[] = [];
  let isEnd = true;
  let gap = Object.keys(before).some((pod) => !logs.some((log) => log.pod === pod));
  // Each pod is asked for an equal part, so that none waits behind a busy one.
  const pages = await Promise.all(
    logs.map(async ({ pod, read }, index) => {
      const page = await read(before[pod] ?? "", share(limit, logs.length, index));
      return { pod, page };
    }),
  );
  for (const { pod, page } of pages) {
    records.push(...page.records);
    after[pod] = page.cursor;
    isEnd &&= page.isEnd;
    gap ||= page.gap;
  }
  return { records: records.toSorted((a, b) => a.at - b.at), cursor: JSON.stringify(after), gap, isEnd };
}

/** Parts of a limit that add up to it; one at least, so that no log is starved. */
function share(limit: number, parts: number, index: number): number {
  return Math.max(1, Math.floor(limit / parts) + (index < limit % parts ? 1 : 0));
}

function parse(cursor: string): Cursors {
  if (!cursor.startsWith("{")) return {};
  try {
    return JSON.parse(cursor) as Cursors;
  } catch {
    return {};
  }
}
