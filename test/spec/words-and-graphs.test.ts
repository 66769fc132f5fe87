import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findCycle } from "../../src/spec/graph.ts";
import { editDistance, nearest } from "../../src/spec/nearest.ts";

const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 });

test("the edit distance is symmetric, zero only for equal words, and counts a swap once", () => {
  expect(editDistance("nmae", "name")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3);
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test("only a word that is close is offered", () => {
  const known = ["apiVersion", "kind", "name", "pipeline", "model"];
  expect(nearest("pipline", known)).toBe("pipeline");
  expect(nearest("Model", known)).toBe("model");
  expect(nearest("apiversion", known)).toBe("apiVersion");
  expect(nearest("zzzzzzzz", known)).toBeUndefined();
  expect(nearest("xy", ["v1", "v2"])).toBeUndefined();
  expect(nearest("a".repeat(100_000), known)).toBeUndefined();
});

const graph = fc
  .array(fc.array(fc.nat(7), { maxLength: 4 }), { minLength: 1, maxLength: 8 })
  .map((rows) => new Map(rows.map((needs, index) => [String(index), needs.map(String)])));

test("a cycle is found exactly when steps can't be put in order, and is a real way round", () => {
  fc.assert(
    fc.property(graph, (needs) => {
      const cycle = findCycle(needs);
      expect(cycle === undefined).toBe(canBeOrdered(needs));
      if (cycle === undefined) return;
      expect(cycle[0]).toBe(cycle.at(-1));
      expect(new Set(cycle.slice(1)).size).toBe(cycle.length - 1);
      for (const [index, name] of cycle.slice(1).entries())
        expect(needs.get(cycle[index] as string)).toContain(name);
    }),
  );
});

/** Kahn's way: take out what needs nothing that is left, until nothing can be taken. */
function canBeOrdered(needs: ReadonlyMap<string, readonly string[]>): boolean {
  const left = new Map(needs);
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const [name, list] of left) if (list.every((need) => !left.has(need))) left.delete(name);
  }
  return left.size === 0;
}

test("a long chain doesn't overflow the stack", () => {
  const chain = new Map(Array.from({ length: 50_000 }, (_, index) => [String(index), [String(index + 1)]]));
  expect(findCycle(chain)).toBeUndefined();
});
