import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
// @ts-expect-error -- plain JavaScript: the demo needs no build
import { LoadGenerator } from "../../demo/load/client.mjs";
// @ts-expect-error -- plain JavaScript: the demo needs no build
import { Observations, versionOf } from "../../demo/load/observations.mjs";

interface Tally {
  requests: number;
  failed: number;
  wrong: number;
  right: number;
  statuses: Record<string, number>;
  firstRightAt: number | null;
  firstBadAt: number | null;
  lastEndedAt: number | null;
  problem: string | null;
}
interface Seen {
  all: Tally;
  byVersion: Record<string, Tally>;
  labels: { sent: number; dropped: number };
}
interface Load {
  start(options: Record<string, unknown>): Promise<void>;
  setRate(rate: number): Promise<void>;
  tally(from: number, to?: number): Promise<Seen>;
  stop(): Promise<void>;
  end(): Promise<void>;
}

let folder: string;
let server: Server;
let load: Load;
/** Request ids by when they were answered with 200, and labels by request id with when they came. */
let answered: Map<string, number>;
let labelled: Map<string, { label: number; at: number }>;

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk as string;
  return text;
};

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 2000; i++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("waited 20 s in vain");
};

describe("the process", () => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "slipway-load-"));
    answered = new Map();
    labelled = new Map();
    // Rows are `x, truth`; x = 1 fails after assignment, x = 2 is answered wrongly, all others rightly.
    writeFileSync(join(folder, "rows.csv"), "x,label\n0,7\n1,7\n2,7\n3,7\n");
    server = createServer(async (request, response) => {
      const text = await bodyOf(request);
      if (request.url === "/api/slipway/v1/services/m/labels") {
        const { labels } = JSON.parse(text) as { labels: { id: string; label: number }[] };
        for (const { id, label } of labels) labelled.set(id, { label, at: Date.now() });
        response.end("{}");
        return;
      }
      const id = String(request.headers["x-slipway-request-id"]);
      const x = (JSON.parse(text) as { inputs: { data: number[] }[] }).inputs[0]?.data[0];
      response.setHeader("x-slipway-request-id", id);
      response.setHeader("x-slipway-variant", x === 1 || x === 2 ? "m/2" : "m/1");
      if (x === 1) {
        response.statusCode = 500;
        response.end("{}");
        return;
      }
      answered.set(id, Date.now());
      response.end(JSON.stringify({ outputs: [{ name: "label", data: [x === 2 ? 3 : 7] }] }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    load = new LoadGenerator() as Load;
  });

  afterEach(async () => {
    await load.end();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  test("tallies are what the server did, and labels follow later for answered requests only", async () => {
    const { port } = server.address() as AddressInfo;
    const from = Date.now();
    await load.start({
      url: `http://127.0.0.1:${port}`,
      model: "m",
      rowsFile: join(folder, "rows.csv"),
      labelDelayMs: 300,
      logFile: join(folder, "load.jsonl"),
    });
    await load.setRate(400);
    await until(async () => (await load.tally(from)).all.requests >= 200 && labelled.size >= 100);
    const early = [...labelled].filter(([id, { at }]) => at - (answered.get(id) ?? 0) < 290);
    expect(early).toEqual([]);
    await load.stop();

    const { all, byVersion, labels } = await load.tally(from);
    expect(all.requests).toBe(all.right + all.wrong + all.failed);
    expect(byVersion["1"]).toMatchObject({ failed: 0, wrong: 0, firstBadAt: null });
    expect(byVersion["2"]?.right).toBe(0);
    expect(byVersion["2"]?.failed).toBeGreaterThan(0);
    expect(byVersion["2"]?.wrong).toBeGreaterThan(0);
    expect(all.statuses).toEqual({ "200": answered.size, "500": all.failed });
    expect(labels).toMatchObject({ sent: answered.size, dropped: 0 });
    expect([...labelled.keys()].sort()).toEqual([...answered.keys()].sort());
    expect(new Set([...labelled.values()].map(({ label }) => label))).toEqual(new Set([7]));
    const lines = readFileSync(join(folder, "load.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(all.requests);
  });

  test("a server that is gone is a failed request, not a gap", async () => {
    const { port } = server.address() as AddressInfo;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const from = Date.now();
    await load.start({
      url: `http://127.0.0.1:${port}`,
      model: "m",
      rowsFile: join(folder, "rows.csv"),
      labelDelayMs: 300,
      logFile: join(folder, "load.jsonl"),
    });
    await load.setRate(100);
    await until(async () => (await load.tally(from)).all.requests >= 10);
    await load.stop();
    const { all } = await load.tally(from);
    expect(all.failed).toBe(all.requests);
    expect(all.problem).toMatch(/ECONNREFUSED/);
  });
});

test("a tally takes the requests that were sent in its interval", () => {
  const observations = new Observations() as {
    add(record: object): void;
    tally(range: { from?: number; to?: number }): Seen;
  };
  observations.add({ at: 10, latencyMs: 5, status: 200, version: 1, right: true });
  observations.add({ at: 20, latencyMs: 5, status: 200, version: 2, right: false });
  observations.add({ at: 30, latencyMs: 5, status: 503, version: 2 });
  const { all, byVersion } = observations.tally({ from: 20, to: 31 });
  expect(all).toMatchObject({ requests: 2, failed: 1, wrong: 1, right: 0, firstRightAt: null });
  expect(byVersion["2"]).toMatchObject({ firstBadAt: 25, lastEndedAt: 35 });
  expect(observations.tally({ from: 20, to: 30 }).all.requests).toBe(1);
});

test.each([
  ["digits/12", 12],
  ["digits@3", 3],
  ["4", 4],
  [undefined, 0],
])("the version in the variant header %s", (header, version) => {
  expect((versionOf as (header?: string) => number)(header)).toBe(version);
});
