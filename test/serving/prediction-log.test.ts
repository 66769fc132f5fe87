import { appendFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { PredictionRecord } from "../../src/serving/outcomes.ts";
import { PredictionLog } from "../../src/serving/router/prediction-log.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "slipway-log-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (incarnation: string, segmentBytes = 1_000_000, totalBytes = 10_000_000) =>
  new PredictionLog({ dir, incarnation, segmentBytes, totalBytes });

const record = (requestId: string): PredictionRecord => ({
  requestId,
  at: 1,
  service: "s",
  version: 1,
  epoch: "c",
  share: 0,
  arm: "champion",
  status: 200,
  prediction: ["é"],
});

const ids = (records: readonly PredictionRecord[]) => records.map(({ requestId }) => requestId);

it("reads across restarts in order, each record once", async () => {
  const first = open("a");
  for (const id of ["1", "2", "3"]) first.add(record(id));
  await first.flush();
  const page = await first.read("", 2);
  expect(ids(page.records)).toEqual(["1", "2"]);
  const second = open("b");
  second.add(record("4"));
  await second.flush();
  const rest = await second.read(page.cursor, 10);
  expect(ids(rest.records)).toEqual(["3", "4"]);
  expect(rest.gap).toBe(false);
  const none = await second.read(rest.cursor, 10);
  expect(none).toEqual({ records: [], cursor: rest.cursor, gap: false, isEnd: true });
  second.add(record("5"));
  await second.flush();
  expect(ids((await second.read(none.cursor, 10)).records)).toEqual(["5"]);
});

it("skips the line that a killed process left unfinished", async () => {
  const first = open("a");
  first.add(record("1"));
  await first.flush();
  const [name] = await readdir(dir);
  await appendFile(join(dir, name ?? ""), '{"requestId":"ha');
  const second = open("b");
  second.add(record("2"));
  await second.flush();
  const page = await second.read("", 10);
  expect(ids(page.records)).toEqual(["1", "2"]);
  expect((await second.read(page.cursor, 10)).records).toEqual([]);
});

it("drops the oldest beyond its bound, and says that there is a gap", async () => {
  const log = open("a", 500, 2_000);
  log.add(record("first"));
  await log.flush();
  const { cursor } = await log.read("", 10);
  for (let index = 0; index < 100; index++) {
    log.add(record(String(index)));
    await log.flush();
  }
  const page = await log.read(cursor, 1_000);
  expect(page.gap).toBe(true);
  expect(ids(page.records).at(-1)).toBe("99");
  expect(page.records.length).toBeLessThan(30);
  expect((await readdir(dir)).length).toBeLessThan(10);
  expect((await log.read("", 1_000)).gap).toBe(false);
});

it("writes what workers say of predictions as it is", async () => {
  const { prediction: _, ...plain } = record("1");
  const log = open("a");
  log.add(plain, '["\u00e9\\n",1e3]');
  log.add(plain, "[2]", { version: 2, status: 500, prediction: "" });
  log.add(plain, "", { version: 2, status: 200, prediction: "[3]" });
  await log.flush();
  expect((await log.read("", 10)).records).toEqual([
    { ...plain, prediction: ["é\n", 1_000] },
    { ...plain, prediction: [2], shadow: { version: 2, status: 500 } },
    { ...plain, shadow: { version: 2, status: 200, prediction: [3] } },
  ]);
});

it("keeps answering when the folder is gone", async () => {
  const log = open("a");
  await rm(dir, { recursive: true });
  log.add(record("1"));
  await log.flush();
  expect((await log.read("", 10)).records).toEqual([]);
});

it("reads all that was added before the reading, written or not, each record once", async () => {
  const log = open("a");
  for (const id of ["1", "2"]) log.add(record(id));
  await log.flush();
  log.add(record("3"));
  const page = await log.readAll("", 10);
  expect(ids(page.records)).toEqual(["1", "2", "3"]);
  log.add(record("4"));
  expect(ids((await log.readAll("", 2)).records)).toEqual(["1", "2"]);
  expect(ids((await log.readAll(page.cursor, 10)).records)).toEqual(["4"]);
  expect((await log.readAll(page.cursor, 1)).records).toHaveLength(1);
});

it("passes over what other services answered", async () => {
  const log = open("a");
  for (const id of ["1", "2", "3"]) log.add({ ...record(id), service: id === "2" ? "other" : "iris" });
  // A name inside of a value isn't the service's.
  log.add(record("4"), JSON.stringify(['"service":"other",']));
  await log.flush();
  const page = await log.readAll("", 10, ["other"]);
  expect(ids(page.records)).toEqual(["2"]);
  expect(page.isEnd).toBe(true);
  expect(await log.readAll("", 10, [])).toEqual({
    records: [],
    cursor: page.cursor,
    gap: false,
    isEnd: true,
  });
  expect((await log.readAll("", 1, ["iris", "other"])).isEnd).toBe(false);
});
