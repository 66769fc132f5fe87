import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform()));
afterAll(() => platform.close());

const create = (fields: object) =>
  platform.call<{ experiment_id: string }>("POST", "experiments/create", fields).then((a) => a.experiment_id);

describe("experiments", () => {
  it("begin with number 0, Default", async () => {
    const { experiment } = await platform.call<{ experiment: object }>("GET", "experiments/get", {
      experiment_id: "0",
    });
    expect(experiment).toMatchObject({
      name: "Default",
      artifact_location: "mlflow-artifacts:/0",
      lifecycle_stage: "active",
    });
  });

  it("keep name, tags and artifact location", async () => {
    const id = await create({ name: "a", tags: [{ key: "k", value: "v" }] });
    const { experiment } = await platform.call<{ experiment: object }>("GET", "experiments/get-by-name", {
      experiment_name: "a",
    });
    expect(experiment).toMatchObject({
      experiment_id: id,
      artifact_location: `mlflow-artifacts:/${id}`,
      tags: [{ key: "k", value: "v" }],
    });
  });

  it("have a name that no other has, deleted ones included", async () => {
    const id = await create({ name: "twice" });
    expect(await platform.call("POST", "experiments/create", { name: "twice" }, 400)).toMatchObject({
      error_code: "RESOURCE_ALREADY_EXISTS",
    });
    await platform.call("POST", "experiments/delete", { experiment_id: id });
    expect(await platform.call("POST", "experiments/create", { name: "twice" }, 400)).toMatchObject({
      message: expect.stringContaining("deleted"),
    });
  });

  it("are renamed and tagged, and lose a tag", async () => {
    const id = await create({ name: "old" });
    await platform.call("POST", "experiments/update", { experiment_id: id, new_name: "new" });
    await platform.call("POST", "experiments/set-experiment-tag", {
      experiment_id: id,
      key: "x",
      value: "1",
    });
    await platform.call("POST", "experiments/set-experiment-tag", {
      experiment_id: id,
      key: "y",
      value: "2",
    });
    await platform.call("POST", "experiments/delete-experiment-tag", { experiment_id: id, key: "x" });
    expect(await platform.call("GET", "experiments/get", { experiment_id: id })).toMatchObject({
      experiment: { name: "new", tags: [{ key: "y", value: "2" }] },
    });
  });

  it("take their runs with them when deleted, and bring them back", async () => {
    const id = await create({ name: "with-runs" });
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
      experiment_id: id,
    });
    const stage = async () =>
      (
        await platform.call<{ run: { info: { lifecycle_stage: string } } }>("GET", "runs/get", {
          run_id: run.info.run_id,
        })
      ).run.info.lifecycle_stage;
    await platform.call("POST", "experiments/delete", { experiment_id: id });
    expect(await stage()).toBe("deleted");
    await platform.call("POST", "runs/create", { experiment_id: id }, 400);
    await platform.call("POST", "experiments/restore", { experiment_id: id });
    expect(await stage()).toBe("active");
  });

  it("are searched by name, tag and stage, in order, page by page", async () => {
    for (const name of ["s-1", "s-2", "S-3"]) await create({ name, tags: [{ key: "search", value: name }] });
    const search = async (fields: object) => {
      const answer = await platform.call<{ experiments: { name: string }[]; next_page_token?: string }>(
        "POST",
        "experiments/search",
        { order_by: ["name ASC"], ...fields },
      );
      return { names: answer.experiments.map(({ name }) => name), token: answer.next_page_token };
    };
    expect((await search({ filter: "name LIKE 's-%'" })).names).toEqual(["s-1", "s-2"]);
    expect((await search({ filter: "name ILIKE 's-%'" })).names).toEqual(["S-3", "s-1", "s-2"]);
    expect((await search({ filter: "tags.search = 's-2'" })).names).toEqual(["s-2"]);
    const first = await search({ filter: "tags.search IS NOT NULL", max_results: 2 });
    const second = await search({
      filter: "tags.search IS NOT NULL",
      max_results: 2,
      page_token: first.token,
    });
    expect([first.names, second.names, second.token]).toEqual([["S-3", "s-1"], ["s-2"], undefined]);
    expect((await search({ view_type: "DELETED_ONLY" })).names).toEqual(["twice"]);
  });

  it.each([
    ["http://evil.example/x"],
    ["file://evil.example/x"],
    ["file:///a/../etc"],
    ["file:///a/%252e%252e/etc"],
    ["/a/%2e%2e/etc"],
    ["../etc"],
    ["/a#b"],
    ["/a?b"],
    ["/a\\b"],
    ["/a\u0000b"],
    ["C:/x"],
    ["FILE:///etc"],
    ["mlflow-artifacts:/../x"],
    ["mlflow-artifacts:/a%2f..%2f..%2fb"],
    ["mlflow-artifacts:/a#b"],
    ["s3://bucket/a/../b"],
    ["s3://bucket/a#b"],
    ["s3://bucket/%2e%2e/b"],
  ])("refuse to put artifacts at %s", async (artifact_location) => {
    const name = `location ${artifact_location}`;
    expect(await platform.call("POST", "experiments/create", { name, artifact_location }, 400)).toMatchObject(
      {
        error_code: "INVALID_PARAMETER_VALUE",
      },
    );
  });
});

describe("MLflow's addresses", () => {
  it.each(["/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow", "/api/3.0/mlflow"])(
    "serve calls below %s",
    async (prefix) => {
      expect(await platform.call("GET", `${prefix}/experiments/get`, { experiment_id: "0" })).toHaveProperty(
        "experiment.name",
        "Default",
      );
    },
  );

  it("answer what nobody serves with ENDPOINT_NOT_FOUND", async () => {
    for (const url of ["/api/2.0/mlflow/nothing", "/ajax-api/2.0/mlflow/x/y"]) {
      expect(await platform.call("POST", url, {}, 404)).toMatchObject({ error_code: "ENDPOINT_NOT_FOUND" });
    }
  });

  it("tell version, health and abilities", async () => {
    expect((await platform.app.inject("/version")).body).toBe("3.17.2");
    expect((await platform.app.inject("/health")).body).toBe("OK");
    const head = await platform.app.inject({ method: "HEAD", url: "/health" });
    expect([head.statusCode, head.headers["content-length"], head.body]).toEqual([200, "2", ""]);
    expect(await platform.call("GET", "/api/3.0/mlflow/server-info")).toMatchObject({
      workspaces_enabled: true,
      multipart_uploads_enabled: false,
    });
  });

  it.each([
    ["no JSON", "{", "not valid JSON"],
    ["a list", "[]", "must be a JSON object"],
    ["nothing", "", "Missing value for required parameter 'name'"],
    ["a wrong type", '{"name": {}}', "Value was of type 'dict'"],
    ["a number where text should be", '{"name": 9.0}', "Invalid value 9.0 for parameter 'name'"],
    ["an empty list where text should be", '{"name": []}', "Value was of type 'list'"],
    ["half a character", '{"name": "a\\ud800"}', "well-formed Unicode"],
    ["the character NUL", '{"name": "a\\u0000"}', "NUL"],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "not valid UTF-8"],
    ["deep nesting", `{"name": ${"[".repeat(5000)}${"]".repeat(5000)}}`, "nested more than"],
  ])("refuse %s in MLflow's shape", async (_, payload, message) => {
    const answer = await platform.app.inject({
      method: "POST",
      url: "/api/2.0/mlflow/experiments/create",
      headers: { "content-type": "application/json" },
      payload,
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toEqual({
      error_code: "INVALID_PARAMETER_VALUE",
      message: expect.stringContaining(message),
    });
  });
});
