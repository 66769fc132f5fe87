import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;

interface Answer {
  runs: { info: { run_name: string } }[];
  next_page_token?: string;
}

interface Ids {
  runs: { info: { run_id: string } }[];
  next_page_token?: string;
}

/** Five runs with known values; the last has none. */
beforeAll(async () => {
  platform = await startPlatform();
  const rows = [
    { name: "a", metric: 0.1, param: "x", time: 100 },
    { name: "b", metric: 0.9, param: "y", time: 200 },
    { name: "c", metric: "NaN", param: "x", time: 300 },
    { name: "d", metric: 0.9, param: "Y", time: 400 },
    { name: "e", time: 500 },
  ];
  for (const { name, metric, param, time } of rows) {
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
      run_name: name,
      start_time: time,
      user_id: name < "c" ? "early" : "late",
    });
    const { run_id } = run.info;
    await platform.call("POST", "runs/log-batch", {
      run_id,
      metrics: metric === undefined ? [] : [{ key: "m", value: metric, timestamp: 1 }],
      params: param === undefined ? [] : [{ key: "p", value: param }],
    });
    const dataset = { name: `data-${name}`, digest: "d1", source_type: "local", source: "s" };
    const tags = [{ key: "mlflow.data.context", value: name === "a" ? "train" : "eval" }];
    await platform.call("POST", "runs/log-inputs", { run_id, datasets: [{ dataset, tags }] });
    if (name === "e") await platform.call("POST", "runs/update", { run_id, status: "FAILED", end_time: 900 });
  }
});
afterAll(() => platform.close());

const search = (fields: object) =>
  platform.call<Answer>("POST", "runs/search", { experiment_ids: ["0"], ...fields });
const names = (answer: Answer) => answer.runs.map(({ info }) => info.run_name).join("");

describe("searching tracking runs", () => {
  it.each([
    ["", "edcba"],
    ["metrics.m > 0.5", "db"],
    ["metrics.m <= 0.1", "a"],
    ["metrics.m != 0.9", "ca"],
    ["params.p = 'x'", "ca"],
    ["params.p ILIKE 'y'", "db"],
    ["params.p LIKE 'y'", "b"],
    ["params.p IS NULL", "e"],
    ["params.p IS NOT NULL AND metrics.m = 0.9", "db"],
    ["tags.mlflow.runName = 'a'", "a"],
    ["status = 'FAILED'", "e"],
    ["attributes.status != 'FAILED' AND start_time >= 300", "dc"],
    ["run_name IN ('a', 'e')", "ea"],
    ["run_name NOT IN ('a', 'e')", "dcb"],
    ["user_id LIKE 'ea%'", "ba"],
    ["dataset.name = 'data-c'", "c"],
    ["datasets.context = 'train'", "a"],
    ["dataset.digest = 'd1' AND metrics.m < 1", "dba"],
    ["end_time > 1", "e"],
  ])("by %s", async (filter, expected) => expect(names(await search({ filter }))).toBe(expected));

  it.each([
    [["metrics.m ASC"], "adbce"],
    [["metrics.m DESC"], "dbace"],
    [["params.p"], "dcabe"],
    [["params.p DESC", "start_time ASC"], "bacde"],
    [["start_time"], "abcde"],
    [["attributes.run_name DESC"], "edcba"],
    [["end_time DESC"], "edcba"],
    [["tags.mlflow.runName ASC"], "abcde"],
  ])("ordered by %j", async (order_by, expected) => expect(names(await search({ order_by }))).toBe(expected));

  it("page by page gives what one page gives, in every order", async () => {
    const field = fc.constantFrom("metrics.m", "params.p", "start_time", "end_time", "user_id", "tags.none");
    const order = fc.uniqueArray(fc.tuple(field, fc.constantFrom("", " ASC", " DESC")), {
      selector: ([name]) => name,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(order, fc.integer({ min: 1, max: 5 }), async (clauses, max_results) => {
        const order_by = clauses.map((clause) => clause.join(""));
        let seen = "";
        let page_token: string | undefined;
        do {
          const page = await search({ order_by, max_results, ...(page_token ? { page_token } : {}) });
          seen += names(page);
          page_token = page.next_page_token;
        } while (page_token && seen.length < 20);
        expect(seen).toBe(names(await search({ order_by })));
      }),
      { numRuns: 60 },
    );
  });

  it("pages through times beyond 2^53 and through equal ones", async () => {
    const { experiment_id } = await platform.call<{ experiment_id: string }>("POST", "experiments/create", {
      name: "times",
    });
    for (const start_time of ["9007199254740995", "9007199254740993", "5", "5", "5", "-5"]) {
      await platform.call("POST", "runs/create", { experiment_id, start_time });
    }
    const page = (fields: object) =>
      platform.call<Ids>("POST", "runs/search", { experiment_ids: [experiment_id], ...fields });
    for (const order_by of [
      [],
      ["start_time ASC"],
      ["metrics.none", "start_time"],
      ["user_id", "end_time"],
    ]) {
      const whole = (await page({ order_by })).runs.map(({ info }) => info.run_id);
      expect(whole).toHaveLength(6);
      const seen: string[] = [];
      let page_token: string | undefined;
      do {
        const { runs, next_page_token } = await page({ order_by, max_results: 1, page_token });
        seen.push(...runs.map(({ info }) => info.run_id));
        page_token = next_page_token;
      } while (page_token && seen.length < 10);
      expect(seen).toEqual(whole);
      // Ties go by id.
      const tied = order_by.length === 0 ? whole.slice(2, 5) : [];
      expect(tied).toEqual([...tied].sort());
    }
    const later = await page({ filter: "start_time > 9007199254740993" });
    expect(later.runs).toHaveLength(1);
    for (const [filter, count] of [
      ["start_time >= 4.5", 5],
      ["start_time < 1e300", 6],
      ["start_time > 99999999999999999999999", 0],
      ["start_time != 5.5", 6],
      ["start_time = 5.0", 3],
    ] as const) {
      expect((await page({ filter })).runs).toHaveLength(count);
    }
  });

  it("goes by the experiments that were asked for, in one order", async () => {
    const made: string[] = [];
    for (const name of ["first", "second"]) {
      const { experiment_id } = await platform.call<{ experiment_id: string }>("POST", "experiments/create", {
        name,
      });
      made.push(experiment_id);
      for (const value of [1, 3]) {
        const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
          experiment_id,
          run_name: `${name}-${value}`,
          start_time: name === "first" ? value : value + 1,
        });
        const metric = {
          run_id: run.info.run_id,
          key: "m",
          value: name === "first" ? value : value + 1,
          timestamp: 1,
        };
        await platform.call("POST", "runs/log-metric", metric);
      }
    }
    const expected = ["second-3", "first-3", "second-1", "first-1"];
    for (const order_by of [[], ["metrics.m DESC"], ["metrics.m DESC", "run_name"], ["tags.none"]]) {
      for (const experiment_ids of [made, [...made, ...made, "999999"]]) {
        const { runs } = await search({ experiment_ids, order_by });
        expect(runs.map(({ info }) => info.run_name)).toEqual(expected);
      }
    }
    const many = await search({
      experiment_ids: [...made, ...Array.from({ length: 40_000 }, (_, id) => String(id + 1000))],
    });
    expect(many.runs).toHaveLength(4);
  });

  it("refuses a token of another order, or one that isn't ours", async () => {
    const { next_page_token: page_token } = await search({ max_results: 1 });
    for (const fields of [
      { page_token, order_by: ["metrics.m"] },
      { page_token, filter: "metrics.m < 5" },
      { page_token, run_view_type: "ALL" },
      { page_token, experiment_ids: ["0", "1"] },
      { page_token: "x" },
      { page_token: "e30" },
    ]) {
      const answer = platform.call("POST", "runs/search", { experiment_ids: ["0"], ...fields }, 400);
      expect(await answer).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
    }
  });

  it.each([
    { filter: "metrics.m = 'x'" },
    { filter: "params.p = 1" },
    { filter: "params.p > 'x'" },
    { filter: "nothing = 'x'" },
    { filter: "planets.x = 'x'" },
    { filter: "metrics.m LIKE 'x'" },
    { max_results: 50_001 },
    { max_results: 0 },
    { order_by: ["metrics.m", "metrics.m"] },
    { order_by: ["planets.x"] },
    { experiment_ids: ["x"] },
    { filter: "params.p = '' OR 1 = 1" },
    { filter: "params.p = 'a\0'" },
    { filter: "run_name IS NULL" },
    { filter: "METRICS.m > 1" },
    { filter: Array.from({ length: 101 }, () => "metrics.m > 1").join(" AND ") },
    { order_by: ["created", "start_time"] },
    { order_by: ["dataset.name"] },
    { run_view_type: "SOME" },
  ])("refuses %j", async (fields) => {
    const answer = await platform.call("POST", "runs/search", { experiment_ids: ["0"], ...fields }, 400);
    expect(answer).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
  });

  it("takes hostile values as values", async () => {
    expect(names(await search({ filter: "params.p = 'x'' OR 1=1 --'" }))).toBe("");
    expect(names(await search({ filter: "params.`p' OR 1=1` = 'x'" }))).toBe("");
  });
});
