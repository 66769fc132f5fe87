import { createHmac } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "../../tracking/platform.ts";
import { startReceiver, type Receiver } from "./receiver.ts";

interface Webhook {
  webhook_id: string;
  url: string;
  events: { entity: string; action: string }[];
}

let platform: TestPlatform;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  platform = await startPlatform({
    webhooks: { settings: { schemes: ["http", "https"], allowPrivate: true, timeoutMs: 500, maxRetries: 1 } },
  });
});
afterAll(async () => {
  await platform?.close();
  await receiver?.close();
});

const event = (name: string): { entity: string; action: string } => {
  const [entity = "", action = ""] = name.toUpperCase().split(".");
  return { entity, action };
};
const create = async (path: string, events: string[], fields: object = {}): Promise<Webhook> => {
  const body = { name: "hook", url: `${receiver.url}${path}`, events: events.map(event), ...fields };
  return (await platform.call<{ webhook: Webhook }>("POST", "webhooks", body)).webhook;
};
const waiting = () =>
  platform.db.read((tx) =>
    tx.all<{ id: number; attempts: number }>("SELECT id, attempts FROM webhook_deliveries"),
  );
const settled = () => expect.poll(waiting, { interval: 5, timeout: 5000 }).toEqual([]);

describe("webhooks", () => {
  it("are made, read, listed by pages, changed and deleted; the secret is in no answer", async () => {
    const made = await create("/crud", ["model_version.created"], { description: "text", secret: "s3cret" });
    const one = `webhooks/${made.webhook_id}`;
    expect(made).toMatchObject({ name: "hook", status: "ACTIVE", description: "text" });
    expect(made.events).toEqual([event("model_version.created")]);
    await platform.call("PATCH", one, { status: "DISABLED", events: [event("prompt.created")] });
    const read = await platform.call<{ webhook: Webhook }>("GET", one);
    expect(read.webhook).toMatchObject({ status: "DISABLED", events: [event("prompt.created")] });
    expect(JSON.stringify(read)).not.toContain("s3cret");
    const second = await create("/crud", ["prompt.created"]);
    const list = (fields: object) =>
      platform.call<{ webhooks: Webhook[]; next_page_token?: string }>("GET", "webhooks", fields);
    const first = await list({ max_results: "1" });
    const rest = await list({ max_results: "1", page_token: first.next_page_token });
    const ids = [...first.webhooks, ...rest.webhooks].map(({ webhook_id }) => webhook_id);
    expect(ids.toSorted()).toEqual([made.webhook_id, second.webhook_id].toSorted());
    expect(rest.next_page_token).toBeUndefined();
    for (const id of ids) await platform.call("DELETE", `webhooks/${id}`);
    expect(await platform.call("GET", one, {}, 404)).toMatchObject({
      error_code: "RESOURCE_DOES_NOT_EXIST",
    });
  });

  it("keep the secret encrypted, with a key that only its owner may read", async () => {
    const { webhook_id: id } = await create("/secret", ["prompt.created"], { secret: "s3cret" });
    const row = await platform.db.read((tx) =>
      tx.get<{ secret: string }>("SELECT secret FROM webhooks WHERE webhook_id = ?", [id]),
    );
    expect(row?.secret).toMatch(/^gAAAAA[\w-]+=*$/);
    expect((await stat(join(platform.folder, "webhook.key"))).mode & 0o777).toBe(0o600);
    await platform.call("DELETE", `webhooks/${id}`);
  });

  it.each([
    { name: "" },
    { name: "-a" },
    { name: "a".repeat(64) },
    { url: "" },
    { url: "no url" },
    { url: "ftp://example.test/" },
    { url: "file:///etc/passwd" },
    { url: "http://user:pass@example.test/" },
    { events: [] },
    { events: [{ entity: "MODEL_VERSION", action: "SET" }] },
    { events: [{ entity: "NOTHING", action: "CREATED" }] },
    { status: "SLEEPING" },
    { secret: "x".repeat(1001) },
  ])("refuse %j", async (wrong) => {
    const body = { name: "a", url: receiver.url, events: [event("prompt.created")], ...wrong };
    expect(await platform.call("POST", "webhooks", body, 400)).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
    });
  });

  it("are tested with an example, signed as a receiver checks it", async () => {
    const { webhook_id: id } = await create("/test", ["model_version_tag.set"], { secret: "s3cret" });
    expect(await platform.call("POST", `webhooks/${id}/test`)).toEqual({
      result: { success: true, response_status: 200, response_body: "taken" },
    });
    const [got] = await receiver.until("/test", 1);
    const { "x-mlflow-delivery-id": delivery, "x-mlflow-timestamp": time } = got?.headers ?? {};
    const digest = createHmac("sha256", "s3cret").update(`${delivery}.${time}.${got?.body}`).digest("base64");
    expect(got?.headers["x-mlflow-signature"]).toBe(`v1,${digest}`);
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(30);
    receiver.reply("/test", () => ({ status: 302, headers: { location: `${receiver.url}/elsewhere` } }));
    const other = { event: event("prompt.created") };
    expect(await platform.call("POST", `webhooks/${id}/test`, other)).toMatchObject({
      result: { success: false, response_status: 302 },
    });
    expect(receiver.received.some(({ path }) => path === "/elsewhere")).toBe(false);
    receiver.reply("/test", () => "hang");
    expect(await platform.call("POST", `webhooks/${id}/test`)).toMatchObject({ result: { success: false } });
    await platform.call("DELETE", `webhooks/${id}`);
  });
});

describe("deliveries", () => {
  it("tell everything that happens to a model", async () => {
    const all = ["registered_model.created", "model_version.created", "model_version_tag.set"];
    all.push("model_version_tag.deleted", "model_version_alias.created", "model_version_alias.deleted");
    const { webhook_id: id } = await create("/model", all);
    const name = "told";
    const tags = [{ key: "k", value: "v" }];
    const { run } = await platform.call<{ run: { info: { run_id: string; artifact_uri: string } } }>(
      "POST",
      "runs/create",
      { experiment_id: "0" },
    );
    const { run_id: runId, artifact_uri: root } = run.info;
    const source = `${root}/model`;
    await platform.call("POST", "registered-models/create", { name, tags, description: "d" });
    await platform.call("POST", "model-versions/create", { name, source, tags, run_id: runId });
    await platform.call("POST", "model-versions/set-tag", { name, version: "1", key: "a", value: "b" });
    await platform.call("DELETE", "model-versions/delete-tag", { name, version: "1", key: "a" });
    await platform.call("POST", "registered-models/alias", { name, version: "1", alias: "x" });
    await platform.call("DELETE", "registered-models/alias", { name, alias: "x" });
    const got = await receiver.until("/model", 6);
    const bodies = got.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(bodies.map(({ entity, action, data }) => [`${String(entity)}.${String(action)}`, data])).toEqual([
      [all[0], { name, tags: { k: "v" }, description: "d" }],
      [all[1], { name, version: "1", source, run_id: runId, tags: { k: "v" }, description: null }],
      [all[2], { name, version: "1", key: "a", value: "b" }],
      [all[3], { name, version: "1", key: "a" }],
      [all[4], { name, alias: "x", version: "1" }],
      [all[5], { name, alias: "x" }],
    ]);
    expect(Object.keys(bodies[0] ?? {})).toEqual(["entity", "action", "timestamp", "data"]);
    expect(bodies[0]?.["timestamp"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    expect(got[0]?.headers["x-mlflow-signature"]).toBeUndefined();
    expect(new Set(got.map(({ headers }) => headers["x-mlflow-delivery-id"])).size).toBe(6);
    await settled();
    await platform.call("DELETE", `webhooks/${id}`);
  });

  it("tell of prompts by events of their own", async () => {
    const all = ["prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_version_tag.set"];
    const { webhook_id: id } = await create("/prompt", [
      ...all,
      "prompt_alias.created",
      "prompt_tag.deleted",
    ]);
    const name = "greeting";
    const isPrompt = { key: "mlflow.prompt.is_prompt", value: "true" };
    const text = { key: "mlflow.prompt.text", value: "Hi {{x}}" };
    await platform.call("POST", "registered-models/create", { name, tags: [isPrompt] });
    await platform.call("POST", "model-versions/create", {
      name,
      source: "dummy-source",
      tags: [isPrompt, text],
    });
    await platform.call("POST", "registered-models/set-tag", { name, key: "a", value: "b" });
    await platform.call("POST", "model-versions/set-tag", { name, version: "1", key: "a", value: "b" });
    await platform.call("POST", "registered-models/alias", { name, version: "1", alias: "x" });
    await platform.call("DELETE", "registered-models/delete-tag", { name, key: "a" });
    const got = (await receiver.until("/prompt", 6)).map(({ body }) => JSON.parse(body) as { data: object });
    expect(got.map(({ data }) => data)).toEqual([
      { name, tags: {}, description: "" },
      { name, version: "1", template: "Hi {{x}}", tags: {}, description: null },
      { name, key: "a", value: "b" },
      { name, version: "1", key: "a", value: "b" },
      { name, alias: "x", version: "1" },
      { name, key: "a" },
    ]);
    await settled();
    await platform.call("DELETE", `webhooks/${id}`);
  });

  it("reach only those who are subscribed and active, and tell nothing of what was refused", async () => {
    const disabled = await create("/off", ["registered_model.created"], { status: "DISABLED" });
    const other = await create("/other", ["prompt.created"]);
    const wanted = await create("/on", ["registered_model.created"]);
    await platform.call("POST", "registered-models/create", { name: "once" });
    await platform.call("POST", "registered-models/create", { name: "once" }, 400);
    await platform.call("POST", "registered-models/create", { name: "twice" });
    const got = await receiver.until("/on", 2);
    expect(got.map(({ body }) => (JSON.parse(body) as { data: { name: string } }).data.name)).toEqual([
      "once",
      "twice",
    ]);
    await settled();
    expect(receiver.received.some(({ path }) => path === "/off" || path === "/other")).toBe(false);
    for (const { webhook_id: id } of [disabled, other, wanted]) {
      await platform.call("DELETE", `webhooks/${id}`);
    }
  });

  it("are tried again with the same id after a passing failure, not after a refusal", async () => {
    const flaky = await create("/flaky", ["registered_model.created"]);
    const refusing = await create("/refusing", ["registered_model.created"]);
    receiver.reply("/flaky", (attempt) => ({ status: attempt === 1 ? 503 : 204 }));
    receiver.reply("/refusing", () => ({ status: 410 }));
    await platform.call("POST", "registered-models/create", { name: "again" });
    const [first, second] = await receiver.until("/flaky", 2);
    expect(second?.headers["x-mlflow-delivery-id"]).toBe(first?.headers["x-mlflow-delivery-id"]);
    expect(second?.body).toBe(first?.body);
    await settled();
    expect((await receiver.until("/refusing", 1)).length).toBe(1);
    expect(platform.notes).toEqual([expect.stringContaining("given up after 1 attempts: it answered 410")]);
    expect(platform.notes.join()).not.toContain(receiver.url);
    for (const { webhook_id: id } of [flaky, refusing]) await platform.call("DELETE", `webhooks/${id}`);
  });

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
