import type { TestCluster } from "../../support/cluster.ts";
import type { Call } from "./traffic.ts";

/** What a test measured: each figure as it comes, for whoever waits, and all in one table at its end. */
export class Figures {
  readonly #rows: [what: string, figure: string][] = [];

  add(what: string, figure: string): void {
    this.#rows.push([what, figure]);
    process.stdout.write(`${new Date().toISOString()} ${what}: ${figure}\n`);
  }

  print(): void {
    const width = Math.max(...this.#rows.map(([what]) => what.length));
    console.log(this.#rows.map(([what, figure]) => `${what.padEnd(width)}  ${figure}`).join("\n"));
  }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Requests that had no good answer, by what they had instead: the first attempts, and what asking once more would have left. */
export function failuresOf(calls: readonly Call[]): string {
  const failed = calls.filter(({ status }) => status !== 200);
  if (failed.length === 0) return `0 of ${calls.length}`;
  const kinds = new Map<string, number>();
  for (const { status, failure = "", isReused } of failed) {
    const kind = status === 0 ? `${failure}${isReused ? " on a kept connection" : ""}` : `status ${status}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const left = failed.filter(({ again }) => again?.status !== 200).length;
  const told = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return `${failed.length} of ${calls.length} (${told}); ${left} when asked once more`;
}

/** From the first bad answer of a version to the last request that it got. */
export function harmOf(calls: readonly Call[], version: string, isBad: (call: Call) => boolean): Harm {
  const own = calls.filter(({ variant }) => variant === version).toSorted((a, b) => a.endedAt - b.endedAt);
  const bad = own.filter(isBad);
  const first = bad[0]?.endedAt ?? Number.NaN;
  const last = Math.max(...own.map(({ endedAt }) => endedAt));
  return { answers: own.length, bad: bad.length, ms: last - first };
}

export interface Harm {
  answers: number;
  bad: number;
  /** NaN where no answer was bad. */
  ms: number;
}

/** Half the width, in standard errors, of an interval that holds all but one in a thousand. */
const Z_999 = 3.2905;

/** Where the share of a fair split lies 999 times in a thousand. */
export function splitBand(weight: number, calls: number): [least: number, most: number] {
  const spread = Z_999 * Math.sqrt((weight * (1 - weight)) / calls);
  return [weight - spread, weight + spread];
}

interface Summary {
  pods?: {
    podRef: { name: string; namespace: string };
    containers?: { name: string; memory?: { workingSetBytes?: number; rssBytes?: number } }[];
  }[];
}

/** MiB of each pod of these namespaces, as its kubelet measures it: what can't be taken away, and without file pages. */
export async function memoryOf(
  cluster: TestCluster,
  namespaces: readonly string[],
): Promise<{ pod: string; workingSet: number; rss: number }[]> {
  const { items } = (await cluster.get<{ items: { metadata: { name: string } }[] }>("/api/v1/nodes")) ?? {
    items: [],
  };
  const found: { pod: string; workingSet: number; rss: number }[] = [];
  for (const { metadata } of items) {
    const summary = await cluster.get<Summary>(`/api/v1/nodes/${metadata.name}/proxy/stats/summary`);
    for (const { podRef, containers = [] } of summary?.pods ?? []) {
      if (!namespaces.includes(podRef.namespace) || containers.length === 0) continue;
      const sum = (key: "workingSetBytes" | "rssBytes"): number =>
        containers.reduce((all, { memory }) => all + (memory?.[key] ?? 0), 0) / 2 ** 20;
      found.push({ pod: podRef.name, workingSet: sum("workingSetBytes"), rss: sum("rssBytes") });
    }
  }
  return found.toSorted((a, b) => a.pod.localeCompare(b.pod));
}
