// The prediction log of two serve processes, made into files by whichever control leads.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BlobLogStore } from "../../src/monitoring/prediction-log/blob-log-store.ts";
import { createPredictionLogReader } from "../../src/monitoring/prediction-log/reader.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import { ADMIN, startCluster, type ServeMember, type TestCluster } from "../support/cluster-processes.ts";
import { eventually, ruleFor, variantFor } from "../support/serving-platform.ts";
import { v2 } from "../support/worker-process.ts";

const INPUT = JSON.stringify(v2("x", "FP32", [1, 4], [1, 0, 0, 0]));

let cluster: TestCluster;
let copies: string;
beforeAll(async () => {
  copies = await mkdtemp(join(tmpdir(), "slipway-copies-"));
  cluster = await startCluster();
  await cluster.leader();
  const spec = {
    ...variantFor("digits", 1, "/models/digits"),
    endpoints: cluster.pods.map(({ endpoint }) => endpoint),
  };
  for (const { serving } of cluster.serves) {
    await serving.prepare(spec, AbortSignal.timeout(60_000));
    await serving.route(ruleFor("digits", { log: { sample: 1, values: true } }));
  }
});
afterAll(async () => {
  await cluster?.close();
  await rm(copies, { recursive: true, force: true });
});

const serve = (index: number) => cluster.serves[index] as ServeMember;

/** Asks a serve process so often; answers the ids, each of which was answered. */
async function ask(index: number, count: number, name: string): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, at) => `${name}-${String(at).padStart(3, "0")}`);
  for (const id of ids) {
    const response = await fetch(`${serve(index).url}/v2/models/digits/infer`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ADMIN}`,
        "content-type": "application/json",
        "x-slipway-request-id": id,
      },
      body: INPUT,
    });
    expect(response.status, await response.text()).toBe(200);
  }
  return ids;
}

/** What the files have, read past every process. */
async function inFiles(): Promise<{ ids: string[]; callers: Set<string | null> }> {
  const blobs = createFolderBlobs(cluster.artifacts);
  const store = new BlobLogStore({ blobs, root: "workspaces/.slipway/predictions", cache: copies });
  await store.open();
  const spool = { segments: () => Promise.resolve([]) };
  const reader = createPredictionLogReader({ store, spool, ticks: () => performance.now() });
  const rows = await reader.newest({ service: "digits", limit: 10_000 });
  return {
    ids: rows.map(({ request_id: id }) => id).sort(),
    callers: new Set(rows.map(({ caller }) => caller)),
  };
}

const has = (ids: readonly string[]) =>
  eventually("files of all that was logged", async () => (await inFiles()).ids.length >= ids.length, 60_000);

test("what every serve process logged is in files of the store, once, with the same callers", async () => {
  const ids = [...(await ask(0, 20, "first")), ...(await ask(1, 20, "second"))];
  for (const { serving } of cluster.serves) await serving.rollLog();
  await has(ids);
  const found = await inFiles();
  expect(found.ids).toEqual(ids.sort());
  expect(found.callers.size).toBe(1);
  const [logs] = await Promise.all(
    cluster.serves.map(async ({ serving }) => (await serving.outcomes()).logs),
  );
  expect(logs).toEqual([{ service: "digits", logged: 20, dropped: 0 }]);
});

test("control may be away: serve keeps what it has, and the next leader takes it", async () => {
  const before = (await inFiles()).ids;
  for (const member of cluster.controls) member.process.kill("SIGKILL");
  await Promise.all(cluster.controls.map(({ exited }) => exited));
  const ids = await ask(0, 30, "away");
  await serve(0).serving.rollLog();
  const more = await ask(1, 30, "later");
  await serve(1).serving.rollLog();
  expect((await inFiles()).ids).toEqual(before);
  cluster.restart("control-1");
  await has([...before, ...ids, ...more]);
  expect((await inFiles()).ids).toEqual([...before, ...ids, ...more].sort());
});

test("a serve process that is told to end hands over what it has before", async () => {
  const before = (await inFiles()).ids;
  const ids = await ask(1, 25, "last");
  serve(1).process.kill("SIGTERM");
  expect(await serve(1).exited).toEqual({ code: 0, signal: null });
  expect((await inFiles()).ids).toEqual([...before, ...ids].sort());
});
