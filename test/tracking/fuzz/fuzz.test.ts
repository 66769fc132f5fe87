import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startPlatform, type TestPlatform } from "../platform.ts";
import {
  BODIES,
  CONTENT_TYPES,
  ENCODINGS,
  FILTERS,
  HOSTILE,
  PARTS,
  pick,
  QUERIES,
  seeded,
  type Random,
} from "./hostile.ts";
import { Snapshot } from "./snapshot.ts";
import { furnish, NAMED } from "./things.ts";

/** Calls of each seed; with another seed the same test looks elsewhere. */
const CALLS = Number(process.env["SLIPWAY_TEST_FUZZ_CALLS"] ?? 300);
const SEED = Number(process.env["SLIPWAY_TEST_FUZZ_SEED"] ?? 20_261_121);
/** Calls until there are new things: what they are about may have been deleted. */
const ROUND = 60;
/** A trace that isn't complete is waited for, for three seconds. */
const PATIENCE_MS = 5_000;
/** What no client tries again: 501 for what isn't offered, 507 for a full disk. */
const FINAL = new Set([501, 507]);

interface Call {
  method: string;
  url: string;
  headers: Record<string, string>;
  payload?: string | Buffer;
}

let platform: TestPlatform;
let routes: { method: string; path: string }[];
let things: Record<string, unknown>;
/** PostgreSQL undoes refused commands by the same code. */
let snapshot: Snapshot | undefined;

beforeAll(async () => {
  platform = await startPlatform();
  routes = platform.app.accessRows.map(({ method, path }) => ({ method, path }));
  if (inject("database") === "sqlite") snapshot = new Snapshot(join(platform.folder, "slipway.db"));
});
afterAll(async () => {
  snapshot?.close();
  await platform.close();
});

/** Fields that calls read, some of them with a value that none of them expects. */
function message(random: Random): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(things)) if (random() < 0.7) fields[name] = value;
  for (let changed = Math.floor(random() * 4); changed > 0; changed--) {
    const name = pick(random, NAMED);
    const value =
      /filter|order_by/.test(name) && random() < 0.7 ? pick(random, FILTERS) : pick(random, HOSTILE);
    const inside = fields[name];
    if (Array.isArray(inside) && typeof inside[0] === "object" && random() < 0.6) {
      const item: Record<string, unknown> = { ...(inside[0] as object) };
      item[pick(random, Object.keys(item))] = value;
      fields[name] = [item];
    } else fields[name] = value;
  }
  return fields;
}

function queryOf(fields: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    const values = Array.isArray(value) ? value.slice(0, 20) : [value];
    for (const one of values)
      query.append(name, (typeof one === "object" ? JSON.stringify(one) : String(one)).slice(0, 3_000));
  }
  return query.toString();
}

function draw(random: Random): Call {
  const { method: served, path } = pick(random, routes);
  const method =
    random() < 0.04 ? pick(random, ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "POST"]) : served;
  const fields = message(random);
  const address = path
    .replace("{2.0,3.0}", pick(random, ["2.0", "3.0"]))
    .replace(/^\/api/, random() < 0.2 && path.includes("{") ? "/ajax-api" : "/api")
    .replaceAll(/:(\w+)/g, (_, name: string) =>
      random() < 0.3 ? pick(random, PARTS) : encodeURIComponent(String(things[snake(name)] ?? "k")),
    )
    .replace("*", () => (random() < 0.5 ? pick(random, PARTS) : `0/${String(things["run_id"])}/artifacts/x`));
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (path === "/v1/traces") headers["x-mlflow-experiment-id"] = random() < 0.8 ? "0" : "x";
  if (random() < 0.1) headers["content-type"] = pick(random, CONTENT_TYPES);
  if (random() < 0.05) headers["content-encoding"] = pick(random, ENCODINGS);
  if (random() < 0.05)
    headers["range"] = pick(random, ["bytes=5-1", "bytes=0-0,1-1", "x", `bytes=${"9".repeat(30)}-`]);
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") {
    const query = random() < 0.1 ? pick(random, QUERIES) : `?${queryOf(fields)}`;
    return { method, url: `${address}${query.slice(0, 12_000).replace(/%.?$/, "")}`, headers };
  }
  const payload = random() < 0.12 ? pick(random, BODIES) : JSON.stringify(fields);
  return { method, url: address, headers, payload };
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

describe("calls that mean nothing", () => {
  it(
    `answer ${CALLS} of them without a defect, in time, and write nothing that they refuse`,
    async () => {
      const random = seeded(SEED);
      const statuses: Record<number, number> = {};
      for (let index = 0; index < CALLS; index++) {
        if (index % ROUND === 0) things = await furnish(platform, index / ROUND);
        const call = draw(random);
        const what = `${index}: ${call.method} ${call.url.slice(0, 400)} ${String(call.payload).slice(0, 2_000)}`;
        snapshot?.take();
        const began = Date.now();
        const answer = await platform.app.inject({ ...call, method: call.method as "GET" });
        const status = answer.statusCode;
        statuses[status] = (statuses[status] ?? 0) + 1;
        expect(Date.now() - began, what).toBeLessThan(PATIENCE_MS);
        expect(status < 500 || FINAL.has(status), `${what}: ${status} ${answer.body.slice(0, 400)}`).toBe(
          true,
        );
        // The client tries these again for minutes.
        expect([408, 429], what).not.toContain(status);
        if (String(answer.headers["content-type"]).includes("json") && answer.body !== "")
          expect(() => JSON.parse(answer.body) as unknown, what).not.toThrow();
        if (status >= 400)
          expect(snapshot?.changed() ?? [], `${what}: ${status} ${answer.body.slice(0, 300)}`).toEqual([]);
        expect(answer.body, what).not.toMatch(/\n {4}at |SQLITE_|syntax error at/);
      }
      // The fuzzer reaches what lies behind the checks.
      expect(statuses[200]).toBeGreaterThan(CALLS / 20);
      expect(platform.defects).toEqual([]);
    },
    30_000 + CALLS * 50,
  );

  it("leave what was there before as it was readable", async () => {
    await furnish(platform, CALLS);
    const { runs } = await platform.call<{ runs: unknown[] }>("POST", "runs/search", {
      experiment_ids: ["0"],
    });
    expect(runs.length).toBeGreaterThan(0);
    for (const path of [
      "registered-models/search",
      "model-versions/search",
      "experiments/search?max_results=10",
    ])
      await platform.call("GET", path);
    expect(Object.prototype).not.toHaveProperty("run_id");
  });
});
