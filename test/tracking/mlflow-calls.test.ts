import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startReceiver, type Receiver } from "../registry/webhooks/receiver.ts";
import { runMlflowScript } from "./mlflow-script.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
let receiver: Receiver;
let seen: Record<string, unknown>;

beforeAll(async () => {
  receiver = await startReceiver();
  const settings = { schemes: ["http"], allowPrivate: true };
  platform = await startPlatform({ webhooks: { settings } });
  seen = await runMlflowScript(platform, "mlflow_calls", { RECEIVER_URL: receiver.url });
}, 240_000);
afterAll(async () => {
  await platform?.close();
  await receiver?.close();
});

describe("evaluation datasets of the unchanged mlflow client", () => {
  it("are made with tags and experiments", () =>
    expect(seen["made"]).toEqual(["qa", [expect.any(String)], "red", "ann", null, null]));

  it("keep one record for each input and merge what comes later", () =>
    expect(seen).toMatchObject({
      one: [{ text: "y" }, { a: "1", b: "2" }, "v", true],
      two: ["plain", { q: "two", n: 2 }],
      three: [{ text: "x", score: 0.5 }, "tr-1", "TRACE", { trace_id: "tr-1" }],
      frame: expect.arrayContaining(["inputs", "outputs", "expectations", "dataset_record_id"]) as unknown,
    }));

  it("tell the shape and the number of their records", () =>
    expect(seen).toMatchObject({
      schema: {
        inputs: { q: "string", n: "integer" },
        outputs: "string",
        expectations: { a: "string", b: "string" },
        version: "1.0",
      },
      profile: { num_records: 3 },
      digest: [8, false],
    }));

  it("lose records", () => expect(seen).toMatchObject({ deleted_records: 1, left: ["three", "two"] }));

  it("change tags and experiments", () =>
    expect(seen).toMatchObject({
      tags: { team: "blue", "mlflow.user": "ann" },
      both: true,
      second: true,
    }));

  it("are searched by name, tag and experiment, in order and by pages", () =>
    expect(seen).toMatchObject({
      search: [["many-2", "many-1", "many-0"], ["qa"], ["qa"], ["many-0", "many-1"]],
      pages: [
        ["many-0", "many-1"],
        ["many-2", "qa"],
      ],
      gone: "RESOURCE_DOES_NOT_EXIST",
    }));
});

describe("prompts of the unchanged mlflow client", () => {
  it("have versions, text and chat, found by alias", () =>
    expect(seen).toMatchObject({
      versions: [1, 2],
      live: ["Hello {{name}}", "Hello Ann", "first", { lang: "en" }, true],
      chat: [{ role: "user", content: "Hi {{name}}" }],
    }));

  it("have tags of their own and of each version", () =>
    expect(seen).toMatchObject({
      prompt_tags: [{ owner: "ann" }, { lang: "en", checked: "yes" }],
      fewer_tags: [{}, { lang: "en" }],
    }));

  it("are searched apart from models", () =>
    expect(seen).toMatchObject({
      prompts: ["greet", "other"],
      prompts_like: ["greet"],
      models: ["a-model"],
      prompt_versions: 2,
    }));

  it("lose aliases and versions", () => expect(seen).toMatchObject({ no_alias: true, no_version: true }));
});

describe("other parts of the unchanged mlflow client", () => {
  it("keep scorers by version, and none with code in it", () =>
    expect(seen).toMatchObject({
      scorers: [1, 2, true],
      scorer: [2, 1],
      listed: [["polite", 2]],
      scorers_left: [2],
      no_scorer: "RESOURCE_DOES_NOT_EXIST",
      code: "INVALID_PARAMETER_VALUE",
    }));

  it("change and delete what is seldom changed", () =>
    expect(seen).toMatchObject({
      renamed_model: "changed",
      models_left: ["a-model"],
      experiment: ["renamed", { team: "red" }],
      run_tags: [true, false, "named"],
      logged_model: [{ a: "1", b: "2" }, { u: "2" }],
      logged_models_left: 0,
    }));

  it("keep artifacts and models in a place of their own", async () => {
    expect(seen["own"]).toEqual({
      uri: true,
      listed: ["d/mine.txt"],
      text: "mine",
      file: true,
      loads: [
        [2, 4],
        [2, 4],
      ],
    });
    const { artifactPath } = (await platform.registry.getVersion("doubler", 1)) ?? {};
    expect(artifactPath).toBe("");
  });

  it("make, test, change and delete webhooks, which tell what happens", async () => {
    expect(seen).toMatchObject({
      hook: ["hook", ["registered_model.created"], "ACTIVE", null],
      tested: [true, 200, "taken"],
      changed: ["DISABLED", ["prompt.created"]],
      hooks: ["hook"],
      hooks_left: 0,
      refused_hook: "INVALID_PARAMETER_VALUE",
    });
    const [, told] = await receiver.until("/client", 2);
    expect(JSON.parse(told?.body ?? "")).toMatchObject({
      entity: "registered_model",
      data: { name: "told-model" },
    });
  });
});

it("met no defect", () => expect(platform.defects).toEqual([]));
