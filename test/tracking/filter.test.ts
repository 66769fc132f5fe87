import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFilter } from "../../src/tracking/search/filter.ts";
import { parseOrder } from "../../src/tracking/search/order.ts";

const one = (filter: string) => parseFilter(filter)[0];

describe("MLflow's filter grammar", () => {
  it.each([
    ["metrics.acc > 0.9", { entity: "metrics", key: "acc", operator: ">", value: 0.9 }],
    ["metrics.`val/loss` <= -1e-3", { entity: "metrics", key: "val/loss", operator: "<=", value: -0.001 }],
    ['params."my param" = "x"', { entity: "params", key: "my param", operator: "=", value: "x" }],
    [
      "tags.mlflow.source.name != 'a'",
      { entity: "tags", key: "mlflow.source.name", operator: "!=", value: "a" },
    ],
    ["TAGS.x LIKE '%a%'", { entity: "tags", key: "x", operator: "LIKE", value: "%a%" }],
    ["name ilike 'A%'", { entity: "attribute", key: "name", operator: "ILIKE", value: "A%" }],
    ["`Run name` = 'it''s'", { entity: "attribute", key: "Run name", operator: "=", value: "it's" }],
    ["run_id IN ('a', \"b\")", { entity: "attribute", key: "run_id", operator: "IN", value: ["a", "b"] }],
    [
      "status NOT IN ('FAILED')",
      { entity: "attribute", key: "status", operator: "NOT IN", value: ["FAILED"] },
    ],
    ["params.x IS NULL", { entity: "params", key: "x", operator: "IS NULL", value: "" }],
    ["tags.x is not null", { entity: "tags", key: "x", operator: "IS NOT NULL", value: "" }],
    [
      "attributes.start_time>=1664067852747",
      { entity: "attributes", key: "start_time", operator: ">=", value: 1664067852747 },
    ],
  ])("reads %s", (filter, expected) => expect(one(filter)).toEqual(expected));

  it("joins by AND, in any case, also inside quoted words", () => {
    const found = parseFilter("metrics.a > 1 and params.b = 'x AND y' AND c = 'OR'");
    expect(found.map((comparison) => comparison.value)).toEqual([1, "x AND y", "OR"]);
    expect(parseFilter("  ")).toEqual([]);
  });

  it.each([
    "metrics.a > 1 OR metrics.b > 1",
    "(metrics.a > 1)",
    "metrics.a",
    "metrics.a >",
    "metrics.a > b",
    "a = 'x' b = 'y'",
    "a IN ()",
    "a IN ('x',)",
    "a IN (1)",
    "a = 'x",
    "a ; b",
    "a = 'x' AND",
    "AND",
    "a NOT 'x'",
    "a IS 1",
    "metrics. > 1",
    "1 = 1",
  ])("refuses %s", (filter) => {
    expect(() => parseFilter(filter)).toThrowError(/filter/);
  });

  it("answers or refuses with a code, whatever it is given", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        try {
          parseFilter(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "MLFLOW_INVALID_PARAMETER_VALUE" });
        }
      }),
    );
  });

  it("gives back every quoted value as it is", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(one(`tags.k = '${value.replaceAll("'", "''")}'`)?.value).toBe(value);
      }),
    );
  });
});

describe("order_by", () => {
  it("reads fields with and without direction", () => {
    expect(parseOrder(["metrics.`a b` DESC", "start_time asc", "params.x", "`Run name`"])).toEqual([
      { entity: "metrics", key: "a b", descending: true },
      { entity: "attribute", key: "start_time", descending: false },
      { entity: "params", key: "x", descending: false },
      { entity: "attribute", key: "Run name", descending: false },
    ]);
  });

  it.each([["metrics.a DOWN"], ["a b c"], [""], ["metrics."]])("refuses %s", (clause) => {
    expect(() => parseOrder([clause])).toThrowError(/order_by/);
  });

  it("refuses a field named twice", () => {
    expect(() => parseOrder(["metrics.a", "metrics.a DESC"])).toThrowError(/duplicate/);
  });
});
