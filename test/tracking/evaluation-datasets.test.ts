import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform()));
afterAll(() => platform?.close());

describe("evaluation datasets", () => {
  const v3 = (path: string): string => `/api/3.0/mlflow/datasets/${path}`;
  const make = async (name: string, tags: object = {}): Promise<string> => {
    const made = await platform.call<{ dataset: { dataset_id: string } }>("POST", v3("create"), {
      name,
      tags: JSON.stringify(tags),
    });
    return made.dataset.dataset_id;
  };

  it.each([
    ["create", {}],
    ["create", { name: "x".repeat(256) }],
    ["create", { name: "a", tags: "no json" }],
    ["create", { name: "a", tags: "[]" }],
    ["create", { name: "a", experiment_ids: ["one"] }],
    ["search", { filter_string: "color = 'red'" }],
    ["search", { max_results: 50_001 }],
    ["search", { order_by: ["digest"] }],
    ["search", { page_token: "no token" }],
  ])("refuse %s of %j", async (path, fields) => {
    expect(await platform.call("POST", v3(path), fields, 400)).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
    });
  });

  it("refuse records that aren't some, and write nothing of them", async () => {
    const { dataset } = await platform.call<{ dataset: { dataset_id: string } }>("POST", v3("create"), {
      name: "refusing",
    });
    const deep = `${'{"a":'.repeat(150)}1${"}".repeat(150)}`;
    const wrong = [
      "",
      "{}",
      "[1]",
      "[{}]",
      '[{"inputs": 1}]',
      `[{"inputs": ${deep}}]`,
      "[{",
      '[{"inputs": {}, "tags": []}]',
    ];
    wrong.push('[{"inputs": {"a": 1}}, {"inputs": {}, "source": {"source_type": "RUMOUR"}}]');
    for (const records of wrong)
      await platform.call("POST", v3(`${dataset.dataset_id}/records`), { records }, 400);
    expect(await platform.call("GET", v3(`${dataset.dataset_id}/records`))).toEqual({ records: "[]" });
  });

  it("page through their records", async () => {
    const { dataset } = await platform.call<{ dataset: { dataset_id: string } }>("POST", v3("create"), {
      name: "paged",
    });
    const at = v3(`${dataset.dataset_id}/records`);
    const records = JSON.stringify([1, 2, 3, 4, 5].map((n) => ({ inputs: { n } })));
    expect(await platform.call("POST", at, { records })).toEqual({ inserted_count: 5, updated_count: 0 });
    expect(await platform.call("POST", at, { records })).toEqual({ inserted_count: 0, updated_count: 5 });
    const found: number[] = [];
    let token = "";
    do {
      const page = await platform.call<{ records: string; next_page_token?: string }>("GET", at, {
        max_results: "2",
        page_token: token,
      });
      found.push(...(JSON.parse(page.records) as { inputs: { n: number } }[]).map(({ inputs }) => inputs.n));
      token = page.next_page_token ?? "";
    } while (token !== "");
    expect(found.toSorted()).toEqual([1, 2, 3, 4, 5]);
  });

  it("merge records of the same inputs, whatever the order of their keys", async () => {
    const at = v3(`${await make("merged")}/records`);
    const upsert = (...records: object[]) => platform.call("POST", at, { records: JSON.stringify(records) });
    const source = { source_type: "human", source_data: { source_id: "ann" } };
    await upsert({ inputs: { a: 1, b: { c: 2, d: 3 } }, expectations: { x: 1 }, source });
    await upsert({
      inputs: { b: { d: 3, c: 2 }, a: 1 },
      outputs: [1],
      expectations: { y: 2 },
      tags: { "mlflow.user": "bob" },
    });
    const { records } = await platform.call<{ records: string }>("GET", at);
    expect(JSON.parse(records)).toEqual([
      expect.objectContaining({
        inputs: { a: 1, b: { c: 2, d: 3 } },
        outputs: [1],
        expectations: { x: 1, y: 2 },
        tags: { "mlflow.user": "bob" },
        source: { source_type: "HUMAN", source_data: { source_id: "ann" } },
        source_id: "ann",
        source_type: "HUMAN",
        last_updated_by: "bob",
      }),
    ]);
    const ids = (JSON.parse(records) as { dataset_record_id: string }[]).map(
      (record) => record.dataset_record_id,
    );
    expect(await platform.call("DELETE", at, { dataset_record_ids: [...ids, "dr-none"] })).toEqual({
      deleted_count: 1,
    });
  });

  it("are found by name, tag, time and experiment, by pages", async () => {
    const { experiment_id: experiment } = await platform.call<{ experiment_id: string }>(
      "POST",
      "experiments/create",
      {
        name: "of datasets",
      },
    );
    const ids: string[] = [];
    for (const name of ["find-a", "find-b", "find-c"]) ids.push(await make(name, { team: name }));
    await platform.call("POST", v3(`${ids[0]}/add-experiments`), { experiment_ids: [experiment] });
    await platform.call("POST", v3(`${ids[0]}/add-experiments`), { experiment_ids: ["999"] }, 404);
    const search = async (fields: object): Promise<[string[], string | undefined]> => {
      const found = await platform.call<{ datasets: { name: string }[]; next_page_token?: string }>(
        "POST",
        v3("search"),
        { order_by: ["name"], ...fields },
      );
      return [found.datasets.map(({ name }) => name), found.next_page_token];
    };
    const filter = "name LIKE 'find-%' AND created_time > 0";
    const [first, token] = await search({ filter_string: filter, max_results: 2 });
    expect(first).toEqual(["find-a", "find-b"]);
    expect(await search({ filter_string: filter, max_results: 2, page_token: token })).toEqual([
      ["find-c"],
      undefined,
    ]);
    expect((await search({ filter_string: "tags.team = 'find-b'" }))[0]).toEqual(["find-b"]);
    expect((await search({ filter_string: "name IN ('find-a', 'find-c')" }))[0]).toEqual([
      "find-a",
      "find-c",
    ]);
    expect((await search({ experiment_ids: [experiment] }))[0]).toEqual(["find-a"]);
    await platform.call("POST", v3(`${ids[0]}/remove-experiments`), { experiment_ids: [experiment] });
    expect((await search({ experiment_ids: [experiment] }))[0]).toEqual([]);
    expect(await platform.call("DELETE", v3(ids[0] ?? ""))).toEqual({});
    expect((await search({ filter_string: filter }))[0]).toEqual(["find-b", "find-c"]);
  });

  it("answer for one that isn't there as MLflow does", async () => {
    await platform.call("GET", v3("d-none"), {}, 404);
    await platform.call("PATCH", v3("d-none/tags"), { tags: "{}" }, 404);
    await platform.call("POST", v3("d-none/records"), { records: "[]" }, 404);
    await platform.call("POST", v3("d-none/add-experiments"), { experiment_ids: ["1"] }, 404);
    expect(await platform.call("DELETE", v3("d-none"))).toEqual({});
    expect(await platform.call("DELETE", v3("d-none/tags/k"))).toEqual({});
    expect(await platform.call("GET", v3("d-none/experiment-ids"))).toEqual({ experiment_ids: [] });
  });

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
