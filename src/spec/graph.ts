/**
 * A way round in "needs" relations, closed: `["a", "b", "a"]` means a needs b and b needs a. Undefined when there
 * is none. Names that aren't keys are passed over. Iterative, so that a long chain can't overflow the stack.
 */
export function findCycle(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  for (const start of needs.keys()) {
    if (done.has(start)) continue;
    const path = [start];
    const onPath = new Set(path);
    const pending = [[...(needs.get(start) ?? [])]];
    while (path.length > 0) {
      const next = pending.at(-1)?.pop();
      if (next === undefined) {
        pending.pop();
        const left = path.pop() as string;
        onPath.delete(left);
        done.add(left);
      } else if (onPath.has(next)) {
        return [...path.slice(path.indexOf(next)), next];
      } else if (needs.has(next) && !done.has(next)) {
        path.push(next);
        onPath.add(next);
        pending.push([...(needs.get(next) ?? [])]);
      }
    }
  }
  return undefined;
}
