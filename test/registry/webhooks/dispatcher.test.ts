import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDispatcher, type DispatcherDeps } from "../../../src/registry/webhooks/dispatcher.ts";
import { createSecretBox } from "../../../src/registry/webhooks/secrets.ts";
import type { Post } from "../../../src/registry/webhooks/send.ts";
import { webhookSettings } from "../../../src/registry/webhooks/settings.ts";
import { retryAt, verdictOf } from "../../../src/registry/webhooks/retry.ts";
import { startPlatform, type TestPlatform } from "../../tracking/platform.ts";

let platform: TestPlatform;
let now = Date.now();
const clock = {
  now: () => now,
  sleep: (_: number, signal?: AbortSignal) =>
    new Promise<void>((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(new Error("cut"))),
    ),
};

/** Nothing is sent but by the test's own dispatchers. */
beforeAll(async () => {
  const resolve = async () => [{ address: "8.8.8.8", family: 4 }];
  platform = await startPlatform({ clock, webhooks: { settings: { workers: 1 }, resolve, isSilent: true } });
});
afterAll(() => platform?.close());

const register = async (events: string[]): Promise<string> => {
  const { webhook } = await platform.call<{ webhook: { webhook_id: string } }>("POST", "webhooks", {
    name: "hook",
    url: "https://receiver.test/",
    events: events.map((event) => {
      const [entity, action] = event.toUpperCase().split(".");
      return { entity, action };
    }),
  });
  return webhook.webhook_id;
};
const waiting = () =>
  platform.db.read((tx) =>
    tx.all<{ attempts: number; due_time: number }>(
      "SELECT attempts, due_time FROM webhook_deliveries ORDER BY id",
    ),
  );
const run = (post: Post, further: Partial<DispatcherDeps> = {}) => {
  const ending = new AbortController();
  const dispatcher = startDispatcher(
    {
      db: platform.db,
      clock,
      random: () => 0.5,
      settings: webhookSettings({}),
      box: createSecretBox(`${"A".repeat(43)}=`),
      post,
      log: (line, error) => void platform.defects.push(line, error),
      ...further,
    },
    ending.signal,
  );
  return {
    ...dispatcher,
    end: async () => {
      ending.abort();
      await dispatcher.ended;
    },
  };
};

describe("the dispatcher", () => {
  it("makes an attempt again that another process began and never ended, with the same id", async () => {
    const id = await register(["registered_model.created"]);
    await platform.call("POST", "registered-models/create", { name: "crash" });
    const ids: (string | undefined)[] = [];
    const begun = new Promise<void>((resolve) => {
      // Killed within its attempt: it never answers, and nobody waits for it.
      const killed = run((_url, headers) => {
        ids.push(headers["X-MLflow-Delivery-Id"]);
        resolve();
        return new Promise(() => undefined);
      });
      killed.wake();
    });
    await begun;
    const [claimed] = await waiting();
    expect(claimed).toMatchObject({ attempts: 1, due_time: now + 35_000 });

    const taken = run(async (_url, headers) => {
      ids.push(headers["X-MLflow-Delivery-Id"]);
      return { status: 200, body: "" };
    });
    taken.wake();
    await new Promise((go) => setImmediate(go));
    expect(ids.length).toBe(1);
    now += 35_000;
    taken.wake();
    await expect.poll(waiting, { interval: 5, timeout: 5000 }).toEqual([]);
    expect(ids[1]).toBe(ids[0]);
    await taken.end();
    await platform.call("DELETE", `webhooks/${id}`);
  });

  it("doesn't count an attempt that its own end cut short", async () => {
    const id = await register(["registered_model.created"]);
    await platform.call("POST", "registered-models/create", { name: "cut" });
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const ended = run(
      (_url, _headers, _payload, signal) =>
        new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(new Error("the platform ended")));
          begin();
        }),
    );
    await begun;
    await ended.end();
    expect(await waiting()).toEqual([{ attempts: 0, due_time: now }]);
    await platform.call("DELETE", `webhooks/${id}`);
    expect(await waiting()).toEqual([]);
  });

  it("lets two processes share the work, each delivery sent once", async () => {
    const id = await register(["registered_model.created"]);
    const names = Array.from({ length: 10 }, (_, index) => `shared-${index}`);
    for (const name of names) await platform.call("POST", "registered-models/create", { name });
    const sent: string[] = [];
    const post: Post = async (_url, _headers, payload) => {
      sent.push((JSON.parse(payload) as { data: { name: string } }).data.name);
      return { status: 200, body: "" };
    };
    const both = [run(post), run(post)];
    await expect.poll(waiting, { interval: 5, timeout: 5000 }).toEqual([]);
    for (const one of both) await one.end();
    expect(sent.toSorted()).toEqual(names);
    await platform.call("DELETE", `webhooks/${id}`);
  });

  it("met no defect", () => expect(platform.defects).toEqual([]));
});

describe("trying again", () => {
  it("waits longer each time, and as long as the receiver asks within reason", () => {
    expect([1, 2, 3, 7, 12].map((attempts) => retryAt(0, attempts, 0))).toEqual([
      1000, 2000, 4000, 60_000, 60_000,
    ]);
    expect(retryAt(0, 1, 0.5)).toBe(1500);
    expect([retryAt(0, 1, 0, 5000), retryAt(0, 1, 0, 1e9)]).toEqual([5000, 300_000]);
  });

  it("is for what may pass", () => {
    const retried = [200, 204, 301, 400, 401, 404, 410, 429, 500, 501, 502, 503, 504].filter(
      (status) => verdictOf({ status, body: "" }).retry,
    );
    expect(retried).toEqual([429, 500, 502, 503, 504]);
    expect(verdictOf({ status: 204, body: "" }).problem).toBeUndefined();
    expect(verdictOf({ status: 302, body: "" }).problem).toBe("it answered 302");
  });
});
