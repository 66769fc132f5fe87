import type { VariantAnswer } from "./api.ts";
import { ago } from "./terminal.ts";

/** One line for each version that is loaded: its workers, and why the last one ended that nobody asked to. */
export function workerLines(variants: readonly VariantAnswer[], now: number): string[] {
  return variants.map(({ version, workers, lastEnd, obstacle }) => {
    const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
    const parts = [
      workers.length === 0 ? "no worker until somebody asks" : countsOf(workers),
      ...(workers.some(({ isShared }) => isShared) ? ["in a process with other models"] : []),
      ...(restarts === 0 ? [] : [`started again ${restarts === 1 ? "once" : `${restarts} times`}`]),
      ...(obstacle === undefined ? [] : [`${obstacle.message} (${obstacle.code})`]),
      ...(lastEnd === undefined ? [] : [`last ended ${ago(lastEnd.at, now)}: ${lastEnd.reason}`]),
    ];
    return `version ${version}: ${parts.join(", ")}`;
  });
}

/** "2 workers ready, 1 backing-off". */
function countsOf(workers: VariantAnswer["workers"]): string {
  const counts = new Map<string, number>();
  for (const { state } of workers) counts.set(state, (counts.get(state) ?? 0) + 1);
  const [first, ...others] = [...counts].map(([state, count]) => ({ state, count }));
  if (first === undefined) return "";
  const words = `${first.count} worker${first.count === 1 ? "" : "s"} ${first.state}`;
  return [words, ...others.map(({ state, count }) => `${count} ${state}`)].join(", ");
}
