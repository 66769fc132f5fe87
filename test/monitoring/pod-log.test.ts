// What serve pods hand over, from segments of real folders to a real store, through everything but the network.
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { joinBuffers } from "../../src/base/bytes.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import { BlobLogStore } from "../../src/monitoring/prediction-log/blob-log-store.ts";
import { convertSegment } from "../../src/monitoring/prediction-log/convert-segment.ts";
import { podIntake } from "../../src/monitoring/prediction-log/intake.ts";
import { podSpool } from "../../src/monitoring/prediction-log/pod-spool.ts";
import { createPredictionLogReader } from "../../src/monitoring/prediction-log/reader.ts";
import type { SampleSource } from "../../src/serving/admin/sample-source.ts";
import { FRAME_KIND } from "../../src/serving/frames.ts";
import { encodeLogged } from "../../src/serving/logged-prediction.ts";
import { SampleSegments } from "../../src/serving/router/sample-segments.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import type { BlobStore } from "../../src/store/blobs.ts";

const AT = Date.UTC(2026, 10, 22, 10);
const ROOT = "workspaces/.slipway/predictions";

let dir: string;
let blobs: BlobStore;
let defects: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "slipway-pod-log-"));
  blobs = createFolderBlobs(join(dir, "blobs"));
  defects = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const REQUEST = json({ inputs: [{ name: "x", shape: [1, 1], datatype: "FP32", data: [1] }] });
const ANSWER = json({ outputs: [{ name: "y", shape: [1], datatype: "INT64", data: [7] }] });

function record(id: string, service = "digits", at = AT): Buffer {
  const head = { id, at, service, version: 3, arm: "champion" as const, status: 200, ms: 1, commit: "c0" };
  return encodeLogged({ ...head, kind: FRAME_KIND.v2 }, REQUEST, ANSWER);
}

interface Pod {
  source: SampleSource;
  /** @param name without its number's zeros; `.open` or `.spool` */
  write(name: string, ...records: Buffer[]): Promise<void>;
  left(): Promise<string[]>;
}

async function pod(name: string, more: Partial<SampleSource> = {}): Promise<Pod> {
  const folder = join(dir, name);
  await mkdir(folder);
  const segments = new SampleSegments(folder);
  const source: SampleSource = {
    segments: () => segments.list(),
    async *read(segment) {
      for (let offset = 0; ;) {
        // Less than a record: what comes in pieces is put together.
        const piece = await segments.read(segment, offset, 100);
        if (piece.length === 0) return;
        yield piece;
        offset += piece.length;
      }
    },
    taken: (segment) => segments.remove(segment),
    ...more,
  };
  return {
    source,
    write: (segment, ...records) =>
      writeFile(join(folder, segment), joinBuffers(records) as unknown as Uint8Array),
    left: () => readdir(folder),
  };
}

let leaders = 0;
/** What a control that leads has; another one begins without anything of its own. */
async function leader(pods: readonly Pod[], cacheBytes?: number) {
  const own = join(dir, `control-${leaders++}`);
  const sources = async () => pods.map(({ source }) => source);
  const store = new BlobLogStore({
    blobs,
    root: ROOT,
    cache: join(own, "copies"),
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
  });
  const intake = podIntake({
    sources,
    store,
    folder: join(own, "under-way"),
    logDefect: (error) => void defects.push(String(error)),
    async convert(paths, root) {
      const converted = [];
      for (const path of paths) converted.push(await convertSegment(path, root));
      return { converted, failures: [] };
    },
  });
  await intake.open();
  const reader = createPredictionLogReader({
    store,
    spool: podSpool(sources),
    ticks: () => performance.now(),
  });
  const ids = async (service = "digits") =>
    (await reader.newest({ service, limit: 100 })).map(({ request_id }) => request_id).sort();
  return { store, intake, reader, ids, copies: join(own, "copies") };
}

test("what pods have ended goes into files of the store, which whoever leads next reads", async () => {
  const [first, second] = [await pod("first"), await pod("second")];
  await first.write("0a-00000001.spool", record("a"), record("b", "other/../name"));
  await first.write("0a-00000002.open", record("c"));
  await second.write("0b-00000001.spool", record("d", "digits", AT + 1_000));
  const { intake, ids } = await leader([first, second]);
  expect(await ids()).toEqual(["a", "c", "d"]);
  await intake.takeAll();
  expect([await first.left(), await second.left()]).toEqual([["0a-00000002.open"], []]);
  expect(await ids()).toEqual(["a", "c", "d"]);
  const next = await leader([first]);
  expect(await next.ids()).toEqual(["a", "c", "d"]);
  expect(await next.ids("other/../name")).toEqual(["b"]);
  expect((await next.reader.find("d")).map(({ output_y: y }) => y)).toEqual([7]);
  expect(await next.reader.since()).toBe(AT);
  expect(await next.store.folders()).toEqual(["digits", "other%2F..%2Fname"]);
  expect(defects).toEqual([]);
});

test("a segment whose pod wasn't told that it is kept is taken again, and is there once", async () => {
  let tells = 0;
  const segments = new SampleSegments(join(dir, "pod"));
  const one = await pod("pod", {
    async taken(name) {
      if (tells++ === 0) throw new SlipwayError("SERVE_UNREACHABLE", "it is away");
      await segments.remove(name);
    },
  });
  await one.write("0a-00000001.spool", record("a"), record("b"));
  const { intake, ids } = await leader([one]);
  await intake.takeAll();
  expect(await one.left()).toEqual(["0a-00000001.spool"]);
  expect(await ids()).toEqual(["a", "b"]);
  const next = await leader([one]);
  await next.intake.takeAll();
  expect(await one.left()).toEqual([]);
  expect(await next.ids()).toEqual(["a", "b"]);
  expect(await next.store.files("digits")).toHaveLength(1);
});

test("one pod that is away holds nobody up, and a store that is away loses nothing", async () => {
  const away = await pod("away", {
    segments: () => Promise.reject(new SlipwayError("SERVE_UNREACHABLE", "it is away")),
  });
  const there = await pod("there");
  await there.write("0a-00000001.spool", record("a"));
  const { intake, ids, store } = await leader([away, there]);
  const put = blobs.put;
  blobs.put = () => Promise.reject(new Error("the store is away"));
  await intake.takeAll();
  expect(defects).toEqual(["Error: the store is away"]);
  expect(await there.left()).toEqual(["0a-00000001.spool"]);
  expect(await ids()).toEqual(["a"]);
  blobs.put = put;
  await intake.takeAll();
  expect(await there.left()).toEqual([]);
  expect(await ids()).toEqual(["a"]);
  expect(await store.files("digits")).toHaveLength(1);
});

test("a file that isn't copied here is fetched when it is read, and copies don't fill the disk", async () => {
  const one = await pod("pod");
  for (const [index, id] of ["a", "b", "c"].entries())
    await one.write(`0a-0000000${index + 1}.spool`, record(id, "digits", AT + index));
  const { intake } = await leader([one]);
  await intake.takeAll();
  const next = await leader([one], 1);
  expect(await next.ids()).toEqual(["a", "b", "c"]);
  const copies = (await readdir(next.copies, { recursive: true })).filter((name) =>
    name.endsWith(".parquet"),
  );
  expect(copies).toHaveLength(1);
  const [oldest] = await next.store.files("digits");
  await next.store.remove("digits", oldest?.name ?? "");
  expect(await next.ids()).toEqual(["b", "c"]);
  expect(await next.store.path("digits", oldest?.name ?? "")).toBeUndefined();
  // What somebody else removed is found out when it is asked for.
  const [second] = await next.store.files("digits");
  await blobs.delete(`${ROOT}/digits/${second?.name}`);
  expect(await (await leader([one])).ids()).toEqual(["c"]);
  expect(await next.ids()).toEqual(["c"]);
});

test("nothing but segments is listed, read or removed", async () => {
  const one = await pod("pod");
  await one.write("0a-00000001.open", record("a"));
  await one.write("failed.segment", record("b"));
  await writeFile(join(dir, "secret"), "x");
  expect((await one.source.segments()).map(({ name, isEnded }) => [name, isEnded])).toEqual([
    ["0a-00000001.open", false],
  ]);
  for (const name of ["../secret", "failed.segment", "0a-00000001.spool/../../secret", ""])
    await expect(one.source.taken(name)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(one.source.taken("0a-00000001.open")).rejects.toMatchObject({ code: "CONFLICT" });
  await expect(one.source.read("../secret").next()).rejects.toMatchObject({ code: "NOT_FOUND" });
});
