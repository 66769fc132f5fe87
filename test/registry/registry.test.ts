import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "../tracking/platform.ts";

interface Version {
  version: string;
  source: string;
  current_stage: string;
  aliases: string[];
}

let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform()));
afterAll(() => platform.close());

const model = (name: string, fields: object = {}) =>
  platform.call("POST", "registered-models/create", { name, ...fields });
const version = (name: string, fields: object = {}, status = 200) =>
  platform
    .call<{ model_version: Version }>(
      "POST",
      "model-versions/create",
      { name, source: "s3://bucket/model", ...fields },
      status,
    )
    .then((answer) => answer.model_version);
const get = (name: string) =>
  platform
    .call<{ registered_model: Record<string, unknown> }>("GET", "registered-models/get", { name })
    .then((answer) => answer.registered_model);

describe("registered models", () => {
  it("are made once, described, tagged", async () => {
    await model("a", { description: "first", tags: [{ key: "k", value: "v" }] });
    expect(await platform.call("POST", "registered-models/create", { name: "a" }, 400)).toMatchObject({
      error_code: "RESOURCE_ALREADY_EXISTS",
    });
    await platform.call("PATCH", "registered-models/update", { name: "a", description: "second" });
    await platform.call("POST", "registered-models/set-tag", { name: "a", key: "x", value: "1" });
    await platform.call("DELETE", "registered-models/delete-tag", { name: "a", key: "k" });
    expect(await get("a")).toMatchObject({ description: "second", tags: [{ key: "x", value: "1" }] });
  });

  it.each([
    "",
    " ",
    "a/b",
    "a:b",
    "a%2Fb",
    "%61",
    "a%20b",
    "a\\b",
    "a\nb",
    "x".repeat(257),
    ".",
    "..",
    "..a",
  ])("refuse the name %j", async (name) => {
    expect(await platform.call("POST", "registered-models/create", { name }, 400)).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
    });
  });

  it("are renamed with all they own, and deleted with it", async () => {
    await model("old");
    await version("old", { tags: [{ key: "t", value: "1" }] });
    await platform.call("POST", "registered-models/alias", { name: "old", alias: "best", version: "1" });
    await platform.call("POST", "registered-models/rename", { name: "old", new_name: "new" });
    expect(await get("new")).toMatchObject({
      aliases: [{ alias: "best", version: "1" }],
      latest_versions: [{ version: "1", name: "new", tags: [{ key: "t", value: "1" }] }],
    });
    await platform.call("DELETE", "registered-models/delete", { name: "new" });
    await platform.call("GET", "registered-models/get", { name: "new" }, 404);
    await platform.call("GET", "model-versions/get", { name: "new", version: "1" }, 404);
  });

  it("are searched, without the prompts", async () => {
    for (const name of ["find-1", "find-2"]) await model(name, { tags: [{ key: "team", value: name }] });
    await model("find-prompt", { tags: [{ key: "mlflow.prompt.is_prompt", value: "true" }] });
    const search = async (fields: object) => {
      const answer = await platform.call<{ registered_models: { name: string }[]; next_page_token?: string }>(
        "GET",
        "registered-models/search",
        fields,
      );
      return [answer.registered_models.map(({ name }) => name), answer.next_page_token] as const;
    };
    const [both] = await search({ filter: "name LIKE 'find-%'" });
    expect(both).toEqual(["find-1", "find-2"]);
    expect((await search({ filter: "tags.team = 'find-2'" }))[0]).toEqual(["find-2"]);
    const prompt = "tag.`mlflow.prompt.is_prompt`";
    expect((await search({ filter: `${prompt} = 'true'` }))[0]).toEqual(["find-prompt"]);
    expect((await search({ filter: `${prompt} != 'true' AND name LIKE 'find-%'` }))[0]).toEqual(both);
    const [first, token] = await search({ filter: "name LIKE 'find-%'", max_results: "1" });
    const [second] = await search({ filter: "name LIKE 'find-%'", max_results: "1", page_token: token });
    expect([first, second]).toEqual([["find-1"], ["find-2"]]);
  });
});

describe("model versions", () => {
  it("count from 1 and never give a number twice", async () => {
    await model("count");
    expect((await version("count")).version).toBe("1");
    expect((await version("count")).version).toBe("2");
    await platform.call("DELETE", "model-versions/delete", { name: "count", version: "2" });
    expect((await version("count")).version).toBe("3");
    expect(await Promise.all([version("count"), version("count")])).toMatchObject([
      { version: "4" },
      { version: "5" },
    ]);
  });

  it("keep description, tags and stage", async () => {
    await model("stage");
    await version("stage");
    await version("stage");
    const id = (n: string) => ({ name: "stage", version: n });
    await platform.call("PATCH", "model-versions/update", { ...id("1"), description: "text" });
    await platform.call("POST", "model-versions/set-tag", { ...id("1"), key: "k", value: "v" });
    await platform.call("POST", "model-versions/transition-stage", { ...id("1"), stage: "production" });
    await platform.call("POST", "model-versions/transition-stage", {
      ...id("2"),
      stage: "Production",
      archive_existing_versions: true,
    });
    expect(await platform.call("GET", "model-versions/get", id("1"))).toMatchObject({
      model_version: { current_stage: "Archived", description: "text", tags: [{ key: "k", value: "v" }] },
    });
    const latest = await platform.call("GET", "registered-models/get-latest-versions", {
      name: "stage",
      stages: "Production",
    });
    expect(latest).toMatchObject({ model_versions: [{ version: "2" }] });
    await platform.call("POST", "model-versions/transition-stage", { ...id("1"), stage: "Live" }, 400);
  });

  it("are searched by name and run", async () => {
    await model("searched");
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { run_id } = run.info;
    await version("searched", { source: `runs:/${run_id}/model`, run_id });
    await version("searched");
    const search = async (filter: string) =>
      (
        await platform.call<{ model_versions: Version[] }>("GET", "model-versions/search", { filter })
      ).model_versions.map((found) => found.version);
    expect((await search("name = 'searched'")).sort()).toEqual(["1", "2"]);
    expect(await search(`run_id = '${run_id}'`)).toEqual(["1"]);
    expect(await search("name = 'searched' AND version_number > 1")).toEqual(["2"]);
    expect(
      await platform.call("GET", "model-versions/get-download-uri", { name: "searched", version: "1" }),
    ).toEqual({ artifact_uri: `runs:/${run_id}/model` });
  });

  it("that are copies of copies are downloaded from where the first one is", async () => {
    await model("copied");
    const source = "s3://bucket/model";
    await version("copied", { source });
    for (const number of [1, 2]) await version("copied", { source: `models:/copied/${number}` });
    const uri = () =>
      platform.call("GET", "model-versions/get-download-uri", { name: "copied", version: "3" });
    expect(await uri()).toEqual({ artifact_uri: source });
    await platform.call("DELETE", "model-versions/delete", { name: "copied", version: "1" });
    expect(await uri()).toEqual({ artifact_uri: "models:/copied/1" });
  });

  it("resolve their source to a folder below the artifact root", async () => {
    await model("source");
    const { model: logged } = await platform.call<{ model: { info: { model_id: string } } }>(
      "POST",
      "logged-models",
      {
        experiment_id: "0",
        name: "m",
      },
    );
    const { model_id } = logged.info;
    await version("source", { source: `models:/${model_id}`, model_id });
    await version("source", { source: "models:/source/1" });
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { run_id } = run.info;
    await version("source", { source: `mlflow-artifacts:/0/${run_id}/artifacts/model/`, run_id });
    await version("source", { source: "s3://bucket/x" });
    const path = async (n: number) => (await platform.registry.getVersion("source", n))?.artifactPath;
    expect(await path(1)).toBe(`0/models/${model_id}/artifacts`);
    expect(await path(2)).toBe(await path(1));
    expect(await path(3)).toBe(`0/${run_id}/artifacts/model`);
    expect(await path(4)).toBe("");
    expect(
      await platform.call("GET", "model-versions/get-download-uri", { name: "source", version: "2" }),
    ).toEqual({ artifact_uri: `mlflow-artifacts:/0/models/${model_id}/artifacts` });
    const { model: linked } = await platform.call<{ model: { info: { tags: object[] } } }>(
      "GET",
      `logged-models/${model_id}`,
    );
    expect(linked.info.tags).toEqual([
      {
        key: "mlflow.modelVersions",
        value: '[{"name": "source", "version": 1}, {"name": "source", "version": 2}]',
      },
    ]);
  });

  it.each([
    "file:///etc",
    "/etc/passwd",
    "../x",
    "etc",
    "http://evil.example/x",
    "s3://bucket/x#y",
    "s3://bucket/../x",
    "s3://bucket/%252e%252e/x",
    "s3://bucket/x?a/../y",
    "dbfs:/x/a%3f/../../../",
    "C:\\x",
    "//proc/self/root",
    "hdfs://host/x",
    "mlflow-artifacts://host:9000/models",
    "mlflow-artifacts:/models",
    "mlflow-artifacts:/",
    "mlflow-artifacts:/workspaces/other/1/r/artifacts/model",
    "mlflow-artifacts:/../x",
    "mlflow-artifacts:/1/%2e%2e/x",
    "mlflow-artifacts:/1/a#b",
    "mlflow-artifacts:/1/a?b",
    "mlflow-artifacts:/1//etc",
    "mlflow-artifacts:/1/a\\..\\b",
    "models:/m-1/../x",
    "models:/m-1",
    "runs:/00000000000000000000000000000000/model",
    "dummy-source",
  ])("refuse the source %s", async (source) => {
    await platform.registry.ensureModel("refusing");
    const answer = await platform.call("POST", "model-versions/create", { name: "refusing", source }, 400);
    expect(answer).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
  });

  it("refuse the source of a version that isn't there", async () => {
    await platform.registry.ensureModel("refusing");
    await version("refusing", { source: "models:/refusing/9" }, 404);
    await version("refusing", { source: "models:/nobody/1" }, 404);
    await version("refusing", { source: "models:/m-0", model_id: "m-0" }, 404);
  });

  it("belong to the run or the model that the client names, and to no other", async () => {
    await platform.registry.ensureModel("refusing");
    const start = async () =>
      (await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {})).run.info.run_id;
    const [own, other] = [await start(), await start()];
    const source = `mlflow-artifacts:/0/${other}/artifacts/model`;
    await version("refusing", { source }, 400);
    await version("refusing", { source, run_id: own }, 400);
    await version("refusing", { source: `${source}/../../../${own}/artifacts`, run_id: other }, 400);
    await version("refusing", { source: `runs:/${other}/model`, run_id: own }, 400);
    await version("refusing", { source, run_id: other });
  });

  it("of the platform and of a client are one when run and files are the same", async () => {
    const { registry } = platform;
    await registry.ensureModel("once");
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const runId = run.info.run_id;
    await version("once", { source: `mlflow-artifacts:/0/${runId}/artifacts/model`, run_id: runId });
    const made = { model: "once", source: `runs:/${runId}/model`, runId, tags: { commit: "abc" } };
    expect(await registry.createVersion(made)).toMatchObject({ version: 1, tags: { commit: "abc" } });
    expect(await registry.createVersion(made)).toMatchObject({ version: 1 });
    expect(await registry.createVersion({ ...made, source: `runs:/${runId}/other` })).toMatchObject({
      version: 2,
    });
    expect((await registry.listVersions("once", 10)).map((found) => found.version)).toEqual([2, 1]);
    await registry.setVersionTags("once", 2, { k: "v" });
    expect(await registry.getVersion("once", 2)).toMatchObject({ tags: { commit: "abc", k: "v" } });
    expect(await registry.getVersion("once", 9)).toBeUndefined();
  });
});

describe("aliases", () => {
  it("name a version, move, and go", async () => {
    await model("alias");
    await version("alias");
    await version("alias");
    const alias = { name: "alias", alias: "best" };
    await platform.call("POST", "registered-models/alias", { ...alias, version: "1" });
    await platform.call("POST", "registered-models/alias", { ...alias, version: "2" });
    expect(await platform.call("GET", "registered-models/alias", alias)).toMatchObject({
      model_version: { version: "2", aliases: ["best"] },
    });
    await platform.call("DELETE", "registered-models/alias", alias);
    await platform.call("GET", "registered-models/alias", alias, 400);
    for (const bad of ["latest", "v1", "V22", "a b", "x".repeat(256), ""]) {
      await platform.call("POST", "registered-models/alias", { ...alias, alias: bad, version: "1" }, 400);
    }
    await platform.call("POST", "registered-models/alias", { ...alias, version: "9" }, 404);
  });

  it("that say what serves are a rollout's, not a client's", async () => {
    const { registry, app } = platform;
    await registry.ensureModel("served");
    for (let n = 0; n < 3; n++) await version("served");
    await registry.projectAlias("served", "champion", 1);
    await registry.projectAlias("served", "challenger", 2);
    const requested: [string, number][] = [];
    registry.onChampionRequested(async (_tenant, name, wanted) => {
      if (name !== "served") return "no-service";
      requested.push([name, wanted]);
      return undefined;
    });
    const alias = (name: string, fields: object) =>
      app.inject({
        method: "POST",
        url: "/api/2.0/mlflow/registered-models/alias",
        payload: { name, ...fields },
      });
    const answer = await alias("served", { alias: "champion", version: "3" });
    expect([answer.statusCode, answer.json()]).toEqual([200, {}]);
    expect(answer.headers["x-slipway-note"]).toContain("rollout of served version 3");
    expect(requested).toEqual([["served", 3]]);
    expect((await registry.getVersion("served", 1))?.aliases).toEqual(["champion"]);
    expect((await alias("served", { alias: "champion", version: "9" })).statusCode).toBe(404);
    expect((await alias("served", { alias: "challenger", version: "3" })).statusCode).toBe(409);
    await platform.call("DELETE", "registered-models/alias", { name: "served", alias: "champion" }, 409);
    await platform.call("DELETE", "model-versions/delete", { name: "served", version: "1" }, 409);
    await platform.call("DELETE", "registered-models/delete", { name: "served" }, 409);
    await platform.call("POST", "registered-models/rename", { name: "served", new_name: "x" }, 409);
    await registry.projectAlias("served", "challenger", null);
    await platform.call("DELETE", "model-versions/delete", { name: "served", version: "2" });

    await registry.ensureModel("unserved");
    await version("unserved");
    expect(
      (await alias("unserved", { alias: "champion", version: "1" })).headers["x-slipway-note"],
    ).toBeUndefined();
    expect((await registry.getVersion("unserved", 1))?.aliases).toEqual(["champion"]);
  });
});
