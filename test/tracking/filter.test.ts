import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFilter, type Comparison } from "../../src/tracking/search/filter.ts";
import { parseOrder } from "../../src/tracking/search/order.ts";

const one = (filter: string) => parseFilter(filter)[0];

describe("MLflow's filter grammar", () => {
  it.each([
    ["metrics.acc > 0.9", { entity: "metrics", key: "acc", operator: ">", value: 0.9 }],
    ["metrics.`val/loss` <= -1e-3", { entity: "metrics", key: "val/loss", operator: "<=", value: -0.001 }],
    ["metrics.a=.5", { entity: "metrics", key: "a", operator: "=", value: 0.5 }],
    ["metrics.1st_layer>1", { entity: "metrics", key: "1st_layer", operator: ">", value: 1 }],
    ['params."my param" = "x"', { entity: "params", key: "my param", operator: "=", value: "x" }],
    ["`params`.`a.b` = 'x'", { entity: "params", key: "a.b", operator: "=", value: "x" }],
    [
      "tags.mlflow.source.name != 'a'",
      { entity: "tags", key: "mlflow.source.name", operator: "!=", value: "a" },
    ],
    ["tags.x LIKE '%a%'", { entity: "tags", key: "x", operator: "LIKE", value: "%a%" }],
    ["tags.größe like 'é'", { entity: "tags", key: "größe", operator: "LIKE", value: "é" }],
    ["name ilike 'A%'", { entity: "attribute", key: "name", operator: "ILIKE", value: "A%" }],
    ['`Run name` = "it\'s"', { entity: "attribute", key: "Run name", operator: "=", value: "it's" }],
    // As in MLflow: nothing is escaped.
    ["params.x = 'it''s'", { entity: "params", key: "x", operator: "=", value: "it''s" }],
    ["params.x = 'C:\\new'", { entity: "params", key: "x", operator: "=", value: "C:\\new" }],
    ["run_id IN ('a', \"b\")", { entity: "attribute", key: "run_id", operator: "IN", value: ["a", "b"] }],
    ["run_id in ('a',)", { entity: "attribute", key: "run_id", operator: "IN", value: ["a"] }],
    ["run_id NOT IN ('a')", { entity: "attribute", key: "run_id", operator: "NOT IN", value: ["a"] }],
    ["params.x IS NULL", { entity: "params", key: "x", operator: "IS NULL", value: "" }],
    ["tags.x is not null", { entity: "tags", key: "x", operator: "IS NOT NULL", value: "" }],
    [
      "attributes.start_time>=1664067852747",
      { entity: "attributes", key: "start_time", operator: ">=", value: 1664067852747 },
    ],
  ])("reads %s", (filter, expected) => expect(one(filter)).toMatchObject(expected));

  it("joins by AND, in any case, also inside quoted words", () => {
    const found = parseFilter("metrics.a > 1 and params.b = 'x AND y' AND c = 'OR'");
    expect(found.map((comparison) => comparison.value)).toEqual([1, "x AND y", "OR"]);
    expect(found.map((comparison) => comparison.at)).toEqual([0, 18, 43]);
    expect(parseFilter("  ")).toEqual([]);
  });

  it.each([
    ["metrics.a > 1 OR metrics.b > 1", 15],
    ["(metrics.a > 1)", 1],
    ["metrics.a > b", 13],
    ["a = 'x' b = 'y'", 9],
    ["a IN ()", 7],
    ["a IN (1)", 7],
    ["a IN ('x' 'y')", 11],
    ["a = 'x", 5],
    ["a ; b", 3],
    ["AND", undefined],
    ["a NOT 'x'", 7],
    ["a IS 1", 6],
    ["a == 'x'", 4],
    ["metrics. > 1", 10],
    ["metrics .a > 1", 9],
    ["metrics.a-b > 1", 10],
    ["'a' = 'x'", 1],
    ["1 = 1", 1],
    ["a = 'x\0'", 5],
    ["a = 'x' -- y", 9],
    ["metrics.a", undefined],
    ["metrics.a >", undefined],
    ["a = 'x' AND", undefined],
  ])("refuses %j and says where", (filter, character) => {
    const where = character === undefined ? /ends where/ : new RegExp(`character ${character}\\b`);
    expect(() => parseFilter(filter)).toThrowError(where);
    expect(() => parseFilter(filter)).toThrowError(/^Invalid clause\(s\) in filter string/);
  });

  it("answers or refuses with a code, whatever it is given", () => {
    const words = fc.constantFrom(
      ..."metrics. params.a tags.`x y` AND and OR NOT IN IS NULL LIKE ( ) , . = != >= ' \" ` 'a' 1 -2.5e3 .5 é \\ ; \0".split(
        " ",
      ),
    );
    const text = fc.oneof(
      fc.string({ maxLength: 60, unit: "binary" }),
      fc.array(words, { maxLength: 12 }).map((all) => all.join(" ")),
    );
    fc.assert(
      fc.property(text, (filter) => {
        try {
          parseFilter(filter);
          parseOrder([filter]);
        } catch (error) {
          expect(error).toMatchObject({ code: "MLFLOW_INVALID_PARAMETER_VALUE" });
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each(["(", "'", "a='", "``", "a.", "1", " ", "a=1 AND ", "a IN ('x',", "é", "-"])(
    "takes no time over 20,000 characters of %j",
    (piece) => {
      const filter = piece.repeat(20_000).slice(0, 20_000);
      const from = performance.now();
      try {
        parseFilter(filter);
      } catch (error) {
        expect(error).toMatchObject({ code: "MLFLOW_INVALID_PARAMETER_VALUE" });
        expect((error as Error).message.length).toBeLessThan(1000);
      }
      expect(performance.now() - from).toBeLessThan(1000);
    },
  );

  it("refuses more than the databases can nest", () => {
    const filter = (count: number) => Array.from({ length: count }, () => "a='x'").join(" AND ");
    expect(parseFilter(filter(100))).toHaveLength(100);
    expect(() => parseFilter(filter(101))).toThrowError(/more than 100/);
    expect(() => parseFilter("a".repeat(20_001))).toThrowError(/longer than 20000/);
  });

  it("reads back whatever is printed", () => {
    const text = fc.string({ maxLength: 12, unit: "grapheme" }).filter((value) => !/["'`\0]/.test(value));
    const key = text.filter((value) => value !== "");
    // A negative zero is printed as zero.
    const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    const scalar = fc.oneof(text, double, fc.integer());
    const comparison = fc.oneof(
      fc.record({ key, operator: fc.constantFrom("=", "!=", ">", "<=", "LIKE", "ILIKE"), value: scalar }),
      fc.record({
        key,
        operator: fc.constantFrom("IN", "NOT IN"),
        value: fc.array(text, { minLength: 1, maxLength: 4 }),
      }),
      fc.record({ key, operator: fc.constantFrom("IS NULL", "IS NOT NULL"), value: fc.constant("") }),
    );
    fc.assert(
      fc.property(fc.array(comparison, { minLength: 1, maxLength: 5 }), (all) => {
        const filter = all.map((each) => `params.\`${each.key}\` ${print(each)}`).join(" AND ");
        const read = parseFilter(filter).map(({ key: name, operator, value }) => ({
          key: name,
          operator,
          value,
        }));
        expect(read).toEqual(all);
      }),
    );
  });
});

function print({ operator, value }: Pick<Comparison, "value"> & { operator: string }): string {
  if (operator.startsWith("IS")) return operator;
  if (Array.isArray(value)) return `${operator} (${value.map((item) => `'${item}'`).join(", ")})`;
  return `${operator} ${typeof value === "number" ? value : `"${value}"`}`;
}

describe("order_by", () => {
  it("reads fields with and without direction", () => {
    expect(
      parseOrder(["metrics.`a b` DESC", "start_time asc", "params.x", "`Run name`", 'tags."a"']),
    ).toEqual([
      { entity: "metrics", key: "a b", descending: true },
      { entity: "attribute", key: "start_time", descending: false },
      { entity: "params", key: "x", descending: false },
      { entity: "attribute", key: "Run name", descending: false },
      { entity: "tags", key: "a", descending: false },
    ]);
  });

  it.each([["metrics.a DOWN"], ["a b c"], ["a ASC DESC"], [""], ["metrics."], ["a, b"], ["a\0"]])(
    "refuses %j",
    (clause) => {
      expect(() => parseOrder([clause])).toThrowError(/order_by/);
    },
  );

  it("refuses a field named twice, and more fields than anybody orders by", () => {
    expect(() => parseOrder(["metrics.a", "metrics.a DESC"])).toThrowError(/duplicate/);
    expect(() => parseOrder(Array.from({ length: 21 }, (_, index) => `metrics.m${index}`))).toThrowError(
      /more than 20/,
    );
  });
});
