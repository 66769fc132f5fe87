import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FRAME_KIND } from "../../src/serving/frames.ts";
import { decodeLogged } from "../../src/serving/logged-prediction.ts";
import { PredictionLog } from "../../src/serving/router/prediction-log.ts";
import { isSampled, SampleLog } from "../../src/serving/router/sample-log.ts";
import type { SampleLogOptions } from "../../src/serving/router/sample-log.ts";
import { FakeServing } from "../support/fake-serving.ts";
import { ruleFor } from "../support/serving-platform.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "slipway-samples-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (incarnation: string, more: Partial<SampleLogOptions> = {}) =>
  new SampleLog({
    dir,
    incarnation,
    segmentBytes: 1_000_000,
    segmentMs: 60_000,
    totalBytes: 10_000_000,
    key: Buffer.alloc(32, 7),
    ...more,
  });

const ALL = ruleFor("s", { log: { sample: 1, values: true } });
const head = (id: string) => ({
  id,
  at: 1,
  service: "s",
  version: 1,
  arm: "champion" as const,
  status: 200,
  ms: 1,
  commit: "c",
  kind: FRAME_KIND.v2,
});
const REQUEST = Buffer.from("request");
const ANSWER = Buffer.from("answer");
const NOBODY = { values: true, caller: undefined };

async function recorded(name: string) {
  return [...decodeLogged(await readFile(join(dir, name)))];
}

test("a request is chosen by its id alone, and as often as asked", () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => `0mi8x1q2zabcdef-${i.toString(36)}`);
  const chosen = (sample: number) => ids.filter((id) => isSampled(id, { sample }));
  expect(chosen(0)).toHaveLength(0);
  expect(chosen(1)).toHaveLength(ids.length);
  // Within five standard deviations.
  expect(Math.abs(chosen(0.01).length - 200)).toBeLessThan(71);
  expect(Math.abs(chosen(0.5).length - 10_000)).toBeLessThan(354);
  // A larger share takes more of them, and none of the others.
  const few = chosen(0.01);
  expect(chosen(0.05).filter((id) => few.includes(id))).toEqual(few);
});

test("a segment is ended when it is large enough, or when it is asked for, and holds what was added", async () => {
  const log = open("a", { segmentBytes: 1 });
  log.add(NOBODY, head("1"), REQUEST, ANSWER);
  await log.roll();
  log.add(NOBODY, head("2"), REQUEST, ANSWER);
  log.add({ values: false, caller: "x" }, head("3"), REQUEST, ANSWER);
  await log.roll();
  expect((await readdir(dir)).sort()).toEqual(["a-00000001.spool", "a-00000002.spool"]);
  const records = await recorded("a-00000002.spool");
  expect(records).toEqual([
    { ...head("2"), request: REQUEST, answer: ANSWER },
    { ...head("3"), caller: "x", omitted: "off", request: Buffer.alloc(0), answer: Buffer.alloc(0) },
  ]);
  expect(log.report()).toEqual([{ service: "s", logged: 3, dropped: 0 }]);
});

test("what a killed process left is ended by the next one, up to its last whole record", async () => {
  const first = open("a");
  first.add(NOBODY, head("1"), REQUEST, ANSWER);
  await expect.poll(() => readdir(dir)).toEqual(["a-00000001.open"]);
  await expect.poll(async () => (await recorded("a-00000001.open")).length).toBe(1);
  await appendFile(join(dir, "a-00000001.open"), "\u0050\0\0\0half");
  open("b");
  expect(await readdir(dir)).toEqual(["a-00000001.spool"]);
  expect(await recorded("a-00000001.spool")).toHaveLength(1);
});

test("without room records are counted and left out, until there is room again", async () => {
  const log = open("a", { totalBytes: 400 });
  for (const id of ["1", "2", "3", "4"]) log.add(NOBODY, head(id), REQUEST, ANSWER);
  await log.roll();
  const [counter] = log.report();
  expect(counter?.logged).toBeGreaterThan(0);
  expect(counter?.dropped).toBeGreaterThan(0);
  expect((counter?.logged ?? 0) + (counter?.dropped ?? 0)).toBe(4);
  await rm(join(dir, "a-00000001.spool"));
  await log.roll();
  log.add(NOBODY, head("5"), REQUEST, ANSWER);
  expect(log.report()[0]?.logged).toBe((counter?.logged ?? 0) + 1);
  await log.roll();
});

test("a disk that fails costs records, and says so", async () => {
  const log = open("a");
  await rm(dir, { recursive: true });
  log.add(NOBODY, head("1"), REQUEST, ANSWER);
  await log.roll();
  expect(log.report()).toEqual([{ service: "s", logged: 0, dropped: 1 }]);
});

test("large values are left out, the request isn't", async () => {
  const log = open("a");
  log.add(NOBODY, head("1"), Buffer.alloc(1024 * 1024), ANSWER);
  await log.roll();
  const [record] = await recorded("a-00000001.spool");
  expect(record?.omitted).toBe("too-large");
});

test("callers are hashed by the sticky header, else by their token, and never told apart by their place", () => {
  const log = open("a");
  const caller = (headers: Record<string, string>, sticky = true) =>
    log.take(sticky ? { ...ALL, sticky: { header: "X-User" } } : ALL, "id", headers)?.caller;
  const token = { authorization: "Bearer slipway_secret" };
  expect(caller({})).toBeUndefined();
  expect(caller({ "x-user": "ana" })).toMatch(/^[0-9a-f]{16}$/);
  expect(caller({ "x-user": "ana", ...token })).toBe(caller({ "x-user": "ana" }));
  expect(caller({ "x-user": "ana", ...token }, false)).toBe(caller(token));
  expect(caller({ "x-user": "slipway_secret" })).not.toBe(caller(token));
  const basic = Buffer.from("ana:slipway_secret").toString("base64");
  expect(caller({ authorization: `Basic ${basic}` })).toBe(caller(token));
  expect(log.take(ruleFor("s"), "id", {})).toBeUndefined();
});

test("a sampled unit is told as it ended: by which version, in what time, after which failure", async () => {
  const rule = ruleFor("s", {
    challenger: 2,
    share: 0.5,
    fallback: true,
    sticky: { header: "x-user" },
    log: { sample: 1, values: true },
  });
  const serving = new FakeServing(rule);
  const log = open("a");
  Object.assign(serving.deps, { samples: log });
  const body = Buffer.from('{"inputs":[]}');
  serving.randoms = [0];
  serving.send({ body });
  serving.ticks = 30;
  serving.pool(2).answer(500);
  serving.ticks = 50;
  serving.pool(1).answer(200);
  serving.send({ version: 1, body });
  serving.pool(1).answer("lost");
  serving.send({ body }).leave();
  await log.roll();
  const told = { id: "id", at: 1_000, service: "s", version: 1, commit: "c1", kind: FRAME_KIND.v2 };
  expect(await recorded("a-00000001.spool")).toEqual([
    {
      ...told,
      arm: "challenger",
      status: 200,
      ms: 50,
      fallback: 2,
      request: body,
      answer: Buffer.from("200"),
    },
    {
      ...told,
      arm: "champion",
      status: 500,
      ms: 0,
      direct: true,
      error: "the model's worker died on this request, twice",
      request: body,
      answer: Buffer.alloc(0),
    },
  ]);
});

test("an id is found in the log of all requests, whichever segment has it, and the newest of several", async () => {
  const log = new PredictionLog({ dir, incarnation: "a", segmentBytes: 200, totalBytes: 10_000 });
  const record = (requestId: string, version: number) => ({
    requestId,
    at: version,
    service: "s",
    version,
    epoch: "c",
    share: 0,
    arm: "champion" as const,
    status: 200,
  });
  expect(await log.find("x")).toEqual({ since: null });
  for (const [place, id] of ["x", "y", "x", "z", "w"].entries()) {
    log.add(record(id, place + 1), '["{\\"requestId\\":\\"v\\","]');
    if (place % 2 === 1) await log.flush();
  }
  expect((await log.find("x")).record).toMatchObject({ requestId: "x", version: 3 });
  expect((await log.find("y")).record).toMatchObject({ version: 2 });
  expect(await log.find("v")).toEqual({ since: 1 });
});
