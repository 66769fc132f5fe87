import { describe, expect, test } from "vitest";
import { REGISTRY } from "../../../src/targets/kubernetes/registry.ts";
import { compareText } from "../../../src/targets/kubernetes/render/order.ts";

const { components, versions } = REGISTRY;
const names = components.map(({ name }) => name);
const rows = versions.map(({ row }) => row);

describe("the registry", () => {
  test("has each component once, and as a key is written", () => {
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z0-9]*$/);
  });

  test("has a row for whatever a component is locked to", () => {
    const missing = components.flatMap(({ name, locked }) =>
      locked.filter((row) => !rows.includes(row)).map((row) => `${name}: ${row}`),
    );
    expect(missing).toEqual([]);
  });

  test("has what its components need", () => {
    const missing = components.flatMap(({ name, requires = [] }) =>
      requires
        .flat()
        .filter((other) => !names.includes(other))
        .map((other) => `${name}: ${other}`),
    );
    expect(missing).toEqual([]);
  });
});

test("the table of versions is in the order of its rows, each there once", () => {
  expect(rows).toEqual([...new Set(rows)].sort(compareText));
});
