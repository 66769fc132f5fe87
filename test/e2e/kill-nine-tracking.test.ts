import { afterAll, describe, expect, test } from "vitest";
import {
  eventually,
  newFolder,
  processesOf,
  removeFolder,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";

const CLIENTS = 8;
/** Metrics, params and tags of one batch, each. */
const BATCH = 15;
/** Batches that must have been acknowledged between two kills, so that each hits a platform at work. */
const BETWEEN_KILLS = 40;

interface Client {
  runId: string;
  /** Numbers of the batches that were sent, and of those that were acknowledged. */
  sent: number;
  acknowledged: number[];
}

interface Data {
  metrics?: { key: string; value: number }[];
  params?: { key: string; value: string }[];
  tags?: { key: string; value: string }[];
}

describe.skipIf(process.platform !== "linux")("kill -9 under concurrent logging", () => {
  const data = newFolder("kill-tracking");
  let platform: TestPlatform | undefined;
  const stop = new AbortController();
  afterAll(async () => {
    stop.abort();
    await platform?.stop();
    for (const { pid } of processesOf(data)) process.kill(pid, "SIGKILL");
    removeFolder(data);
  });

  test("loses nothing that was acknowledged, and keeps no part of a batch", async () => {
    platform = await startPlatform(data);
    const url = platform.url;
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => begin(url)));
    const acknowledged = () => clients.reduce((sum, client) => sum + client.acknowledged.length, 0);
    const logging = [...clients.map((client) => log(url, client, stop.signal)), change(url, stop.signal)];
    const atWork = async () => {
      const goal = acknowledged() + BETWEEN_KILLS;
      await eventually("work to go on", async () => (acknowledged() >= goal ? true : undefined));
    };

    for (let kills = 0; kills < 2; kills++) {
      await atWork();
      const control = processesOf(data).find(({ role }) => role === "control");
      process.kill(control?.pid ?? 0, "SIGKILL");
    }
    await atWork();
    // The supervisor first, or it would start the others anew.
    const all = processesOf(data).sort((a) => (a.role === "supervisor" ? -1 : 1));
    for (const { pid } of all) process.kill(pid, "SIGKILL");
    await platform.ended;
    platform = await startPlatform(data, Number(new URL(url).port));
    await atWork();
    stop.abort();
    await Promise.all(logging);

    for (const { runId, sent, acknowledged: kept } of clients) {
      const batches = await readBatches(url, runId);
      for (const number of kept) expect(batches.get(number), `batch ${number} of ${runId}`).toBe(3 * BATCH);
      // What wasn't acknowledged may be there, but whole.
      for (const [number, entries] of batches) {
        expect(entries, `batch ${number} of ${runId}`).toBe(3 * BATCH);
        expect(number).toBeLessThan(sent);
      }
    }
    expect(await unaudited(url)).toEqual([]);
    const ended = await platform.stop();
    expect(ended).toBe(0);
    platform = undefined;
  }, 90_000);
});

async function post<Answer>(url: string, path: string, body: object): Promise<Answer | undefined> {
  try {
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as Answer;
    // While control is away serve says so; nothing else may go wrong.
    expect(answer.status, text).toBe(503);
  } catch (error) {
    if (error instanceof TypeError || (error as Error).name === "TimeoutError") return undefined;
    throw error;
  }
  return undefined;
}

/** Makes experiments, which are changes that the audit log tells of. */
async function change(url: string, signal: AbortSignal): Promise<void> {
  for (let number = 0; !signal.aborted; number++) {
    const made = await post(url, "experiments/create", { name: `changed ${number}` });
    if (made === undefined) await new Promise((settle) => setTimeout(settle, 20));
  }
}

/** Experiments without a row of the audit log that says 200, or that there was no answer. */
async function unaudited(url: string): Promise<string[]> {
  const search = { max_results: 5000, filter: "name LIKE 'changed %'" };
  const found = await post<{ experiments: { name: string }[] }>(url, "experiments/search", search);
  expect(found?.experiments.length).toBeGreaterThan(0);
  const told = new Set<string>();
  for (let before = ""; ;) {
    const query = `action=${encodeURIComponent("POST mlflow/experiments/create")}&limit=1000${before}`;
    const answer = await fetch(`${url}/api/slipway/v1/audit?${query}`);
    const page = (await answer.json()) as {
      entries: { status: number; given: { name: string } }[];
      next?: number;
    };
    for (const { status, given } of page.entries) if (status === 200 || status === 0) told.add(given.name);
    if (page.next === undefined) break;
    before = `&before=${page.next}`;
  }
  return (found?.experiments ?? []).map(({ name }) => name).filter((name) => !told.has(name));
}

async function begin(url: string): Promise<Client> {
  const made = await post<{ run: { info: { run_id: string } } }>(url, "runs/create", { experiment_id: "0" });
  return { runId: made?.run.info.run_id ?? "", sent: 0, acknowledged: [] };
}

async function log(url: string, client: Client, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const number = client.sent++;
    const keys = Array.from({ length: BATCH }, (_, index) => `b${number}.${index}`);
    const answer = await post(url, "runs/log-batch", {
      run_id: client.runId,
      metrics: keys.map((key) => ({ key, value: number, timestamp: number, step: 0 })),
      params: keys.map((key) => ({ key, value: String(number) })),
      tags: keys.map((key) => ({ key, value: String(number) })),
    });
    if (answer !== undefined) client.acknowledged.push(number);
    else await new Promise((settle) => setTimeout(settle, 20));
  }
}

/** By number of a batch, how many of its entries are there. */
async function readBatches(url: string, runId: string): Promise<Map<number, number>> {
  const answer = await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=${runId}`);
  const { run } = (await answer.json()) as { run: { data: Data } };
  const batches = new Map<number, number>();
  const { metrics = [], params = [], tags = [] } = run.data;
  for (const { key, value } of [...metrics, ...params, ...tags]) {
    const [, number] = /^b(\d+)\./.exec(key) ?? [];
    if (number === undefined) continue;
    expect(String(value), key).toBe(number);
    batches.set(Number(number), (batches.get(Number(number)) ?? 0) + 1);
  }
  return batches;
}
