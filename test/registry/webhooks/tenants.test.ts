import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../../../src/registry/model-commands.ts";
import { createWebhook } from "../../../src/registry/webhooks/commands.ts";
import { createDataset } from "../../../src/tracking/evaluation-datasets/commands.ts";
import { startPlatform, type TestPlatform } from "../../tracking/platform.ts";

let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform()));
afterAll(() => platform?.close());

const now = 1_700_000_000_000;
const webhook = {
  name: "hook",
  url: "https://receiver.test/",
  events: ["registered_model.created"],
  description: null,
  secret: null,
  status: "ACTIVE",
  now,
};
const waiting = () =>
  platform.db.read((tx) =>
    tx.all<{ webhook_id: string; payload: string }>("SELECT webhook_id, payload FROM webhook_deliveries"),
  );

describe("another tenant's", () => {
  it("webhooks aren't there, and aren't told what happens here", async () => {
    await platform.db.write(createWebhook, { ...webhook, workspace: "other", id: "theirs" });
    await platform.db.write(createWebhook, { ...webhook, workspace: "default", id: "ours" });
    for (const method of ["GET", "PATCH", "DELETE"] as const) {
      expect(await platform.call(method, "webhooks/theirs", {}, 404)).toEqual(
        expect.objectContaining({ message: "Webhook with ID theirs not found." }),
      );
    }
    await platform.call("POST", "webhooks/theirs/test", {}, 404);
    const list = await platform.call<{ webhooks: { webhook_id: string }[] }>("GET", "webhooks");
    expect(list.webhooks.map(({ webhook_id: id }) => id)).toEqual(["ours"]);
    const model = { description: "", tags: [], now, ifMissing: false };
    await platform.db.write(createModel, { ...model, workspace: "default", name: "here" });
    await platform.db.write(createModel, { ...model, workspace: "other", name: "there" });
    const told = (await waiting()).map((row) => [row.webhook_id, JSON.parse(row.payload) as object]);
    expect(told).toEqual([
      ["ours", expect.not.objectContaining({ workspace: "default" })],
      ["theirs", expect.objectContaining({ workspace: "other" })],
    ]);
  });

  it("evaluation datasets aren't there", async () => {
    const dataset = { workspace: "other", id: "d-theirs", name: "n", tags: [], experimentIds: [], now };
    await platform.db.write(createDataset, dataset);
    const one = "/api/3.0/mlflow/datasets/d-theirs";
    await platform.call("GET", one, {}, 404);
    await platform.call("GET", `${one}/records`, {}, 404);
    await platform.call("POST", `${one}/records`, { records: "[]" }, 404);
    await platform.call("PATCH", `${one}/tags`, { tags: '{"a": "b"}' }, 404);
    await platform.call("DELETE", one);
    await platform.call("DELETE", `${one}/tags/a`);
    expect(await platform.call("POST", "/api/3.0/mlflow/datasets/search")).toEqual({ datasets: [] });
    const left = await platform.db.read((tx) => tx.all("SELECT dataset_id FROM evaluation_datasets"));
    expect(left).toEqual([{ dataset_id: "d-theirs" }]);
  });
});
