import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { Category, Edge } from "./edge.ts";
import { changed, pathText, type Json } from "./json.ts";

/** What a proof says of a set of objects, each problem as one text. */
export type Proof = (objects: readonly KubernetesObject[]) => Iterable<string>;

/** Why an edge that was broken needn't be found, or can't. */
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
  uncaught: { edge: Edge; reason: string | undefined }[];
}

/** Breaks every edge once, each alone, and asks the proof of what it makes. */
export function judge(
  objects: readonly KubernetesObject[],
  edges: readonly Edge[],
  proof: Proof,
  excuses: readonly Excuse[] = [],
  owners: readonly Omit<Owner, "object">[] = [],
): Verdict {
  const before = new Set(proof(objects));
  const verdict: Verdict = { total: edges.length, caught: 0, byCategory: new Map(), uncaught: [] };
  for (const edge of edges) {
    const count = verdict.byCategory.get(edge.category) ?? { total: 0, caught: 0 };
    verdict.byCategory.set(edge.category, count);
    count.total += 1;
    const isCaught = [...proof(withBroken(objects, edge))].some((problem) => !before.has(problem));
    if (isCaught) {
      count.caught += 1;
      verdict.caught += 1;
      continue;
    }
    const owner = { component: "", ...owners[edge.object], object: objects[edge.object]! };
    const reason = excuses.find((it) => it.covers(edge, owner))?.reason;
    verdict.uncaught.push({ edge, reason });
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

/** `metrics  41 of 41`, then what wasn't caught by reason; each edge where there is none. */
export function verdictText({ total, caught, byCategory, uncaught }: Verdict): string {
  const lines = [`caught ${caught} of ${total} broken edges`];
  for (const [category, count] of [...byCategory].sort(([a], [b]) => a.localeCompare(b)))
    lines.push(`  ${category.padEnd(9)}${count.caught} of ${count.total}`);
  const reasons = new Map<string, number>();
  for (const { reason } of uncaught)
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  for (const [reason, count] of reasons) lines.push(`not caught, ${count}: ${reason}`);
  for (const { edge, reason } of uncaught)
    if (reason === undefined) lines.push(`NOT CAUGHT, AND UNEXPLAINED: ${edgeText(edge)}`);
  return lines.join("\n");
}

function edgeText({ rule, owner, path, value, broken }: Edge): string {
  const short = (it: Json | undefined): string =>
    it === undefined ? "gone" : JSON.stringify(it).slice(0, 120);
  return `${rule}: ${owner} ${pathText(path)}: ${short(value)} -> ${short(broken)}`;
}
