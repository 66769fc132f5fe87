import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { Category, Edge } from "./edge.ts";
import { changed, pathText, type Json } from "./json.ts";

/** What a proof says of a set of objects, each problem as one text. */
export type Proof = (objects: readonly KubernetesObject[]) => Iterable<string>;

/** Why an edge, broken, needn't be found, or can't. */
export interface Excuse {
  reason: string;
  covers(edge: Edge, owner: Owner): boolean;
}

/** What has the edge, and where it comes from. */
export interface Owner {
  object: KubernetesObject;
  /** Row of the chart that made it. */
  chart?: string;
  component: string;
}

export interface Verdict {
  total: number;
  caught: number;
  byCategory: Map<Category, { total: number; caught: number }>;
  /** How many weren't broken, by why. */
  excused: Map<string, number>;
  uncaught: Edge[];
}

/** Breaks every edge once, each alone, and asks the proof of what it makes; but those that there is an excuse for. */
export function judge(
  objects: readonly KubernetesObject[],
  edges: readonly Edge[],
  proof: Proof,
  excuses: readonly Excuse[] = [],
  owners: readonly Omit<Owner, "object">[] = [],
): Verdict {
  const before = new Set(proof(objects));
  const verdict: Verdict = {
    total: edges.length,
    caught: 0,
    byCategory: new Map(),
    excused: new Map(),
    uncaught: [],
  };
  for (const edge of edges) {
    const owner = { component: "", ...owners[edge.object], object: objects[edge.object]! };
    const excuse = excuses.find((it) => it.covers(edge, owner));
    if (excuse !== undefined) {
      verdict.excused.set(excuse.reason, (verdict.excused.get(excuse.reason) ?? 0) + 1);
      continue;
    }
    const count = verdict.byCategory.get(edge.category) ?? { total: 0, caught: 0 };
    verdict.byCategory.set(edge.category, count);
    count.total += 1;
    if ([...proof(withBroken(objects, edge))].some((problem) => !before.has(problem))) {
      count.caught += 1;
      verdict.caught += 1;
    } else verdict.uncaught.push(edge);
  }
  return verdict;
}

/** The same objects but one, which has that edge broken. */
export function withBroken(objects: readonly KubernetesObject[], edge: Edge): KubernetesObject[] {
  return objects.map((object, index) =>
    index === edge.object
      ? (changed(object as unknown as Json, edge.path, () => edge.broken) as unknown as KubernetesObject)
      : object,
  );
}

/** `metrics  41 of 41`, what was left out by reason, then what wasn't caught. */
export function verdictText({ total, caught, byCategory, excused, uncaught }: Verdict): string {
  const out = [...excused.values()].reduce((sum, count) => sum + count, 0);
  const lines = [`caught ${caught} of ${total - out} broken edges; ${out} more are left out, with reasons`];
  for (const [category, count] of [...byCategory].sort(([a], [b]) => a.localeCompare(b)))
    lines.push(`  ${category.padEnd(9)}${count.caught} of ${count.total}`);
  for (const [reason, count] of excused) lines.push(`left out, ${count}: ${reason}`);
  for (const edge of uncaught) lines.push(`NOT CAUGHT: ${edgeText(edge)}`);
  return lines.join("\n");
}

function edgeText({ rule, owner, path, value, broken }: Edge): string {
  const short = (it: Json | undefined): string =>
    it === undefined ? "gone" : JSON.stringify(it).slice(0, 120);
  return `${rule}: ${owner} ${pathText(path)}: ${short(value)} -> ${short(broken)}`;
}
