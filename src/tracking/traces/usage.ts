/** What the sum over a trace's spans needs of one of them. */
export interface UsageNode {
  spanId: string;
  parentId: string | null;
  /** Null: the span says nothing. */
  counts: Readonly<Record<string, number>> | null;
}

/**
 * Sums over a tree of spans. A span that says something speaks for all below it: instrumentations that put the
 * sum of their calls on the parent would count twice else. Null when no span says anything. Pure.
 */
export function sumOverTree(
  nodes: readonly UsageNode[],
  always: readonly string[],
  optional: readonly string[] = [],
): Record<string, number> | null {
  const ids = new Set(nodes.map((node) => node.spanId));
  const children = new Map<string, UsageNode[]>();
  const roots: UsageNode[] = [];
  for (const node of nodes) {
    if (node.parentId === null || !ids.has(node.parentId)) roots.push(node);
    else {
      const siblings = children.get(node.parentId);
      if (siblings) siblings.push(node);
      else children.set(node.parentId, [node]);
    }
  }
  const sums: Record<string, number> = Object.fromEntries(always.map((key) => [key, 0]));
  let found = false;
  const waiting = roots;
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const { counts } = node;
    if (!counts) {
      for (const child of children.get(node.spanId) ?? []) waiting.push(child);
      continue;
    }
    found = true;
    for (const key of [...always, ...optional]) {
      const count = counts[key];
      if (count !== undefined) sums[key] = (sums[key] ?? 0) + count;
    }
  }
  return found ? sums : null;
}
