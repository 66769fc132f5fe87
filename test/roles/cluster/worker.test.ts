import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { WorkerConnection } from "../../../src/serving/router/worker-connection.ts";
import { openSentry } from "../../../src/http/sentry.ts";
import { createApp } from "../../../src/http/server.ts";
import { ArchiveStore } from "../../../src/serving/archive/archive-store.ts";
import { archiveRoutes } from "../../../src/serving/archive/archive-routes.ts";
import { createFolderBlobs } from "../../../src/store/folder-blobs.ts";
import { tenantOfWorker, workerToken } from "../../../src/tenancy/worker-tokens.ts";
import { linearSoftmax, lookUp, sequenceOutput } from "../../support/onnx.ts";
import { freePorts, startPod } from "../../support/pod-process.ts";
import type { PodProcess } from "../../support/pod-process.ts";
import { eventually } from "../../support/serving-platform.ts";

const SECRET = "internal";
const TOKEN = workerToken(SECRET, "red");
const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });

let root: string;
let archives: ArchiveStore;
let platform: FastifyInstance;
let url = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-pod-"));
  archives = new ArchiveStore(createFolderBlobs(join(root, "blobs")));
  platform = await createApp({
    guard: () => null,
    sentry: openSentry,
    logDefect: () => undefined,
    version: "0.0.0",
  });
  archiveRoutes(platform, { archives, tenantOfWorker: (token) => tenantOfWorker(SECRET, token) });
  await platform.listen({ port: 0, host: "127.0.0.1" });
  url = `http://127.0.0.1:${(platform.server.address() as AddressInfo).port}`;
});
const pods: PodProcess[] = [];
afterEach(async () => {
  for (const pod of pods.splice(0)) {
    pod.child.kill("SIGKILL");
    await pod.ended;
  }
});
afterAll(async () => {
  await platform.close();
  await rm(root, { recursive: true, force: true });
});

async function keep(name: string, file: Uint8Array, tenant = "red"): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.onnx"), file);
  return archives.keep(folder, tenant);
}

async function start(digest: string) {
  const [frames = 0, http = 0] = await freePorts(2);
  const pod = startPod("worker", {
    SLIPWAY_SERVICE: "iris",
    SLIPWAY_VERSION: "3",
    SLIPWAY_TENANT: "red",
    SLIPWAY_MODEL_FORMAT: "onnx",
    SLIPWAY_MODEL_DIGEST: digest,
    SLIPWAY_URL: url,
    SLIPWAY_WORKER_TOKEN: TOKEN,
    SLIPWAY_HOST: "127.0.0.1",
    SLIPWAY_FRAMES_PORT: String(frames),
    SLIPWAY_HTTP_PORT: String(http),
    SLIPWAY_CACHE: join(root, `cache-${http}`),
    SLIPWAY_TERMINATION_LOG: join(root, `last-words-${http}`),
  });
  pods.push(pod);
  const at = (path: string) => `http://127.0.0.1:${http}${path}`;
  const isReady = () =>
    fetch(at("/ready")).then(
      ({ status }) => status === 200,
      () => false,
    );
  return { pod, frames, at, isReady, lastWords: () => readFile(join(root, `last-words-${http}`), "utf8") };
}

test("fetches its model, answers frames and Open Inference, and drains when it is ended", async () => {
  const { pod, frames, at, isReady } = await start(await keep("good", linearSoftmax()));
  await eventually("a ready pod", isReady);
  const answer = await fetch(at("/v2/models/iris/infer"), { method: "POST", body: BODY });
  const said: unknown = await answer.json();
  expect(said).toMatchObject({ model_name: "iris", model_version: "3" });
  expect((await fetch(at("/health"))).status).toBe(200);
  expect(await (await fetch(at("/metrics"))).text()).toContain(
    'slipway_predictions_finished_total{service="iris",version="3",arm="champion"} 1',
  );
  const address = { host: "127.0.0.1", port: frames };
  const wrong = { ...address, token: workerToken(SECRET, "blue") };
  await expect(WorkerConnection.open(wrong, systemClock, { closed: () => undefined })).rejects.toThrow();
  const own = { ...address, token: TOKEN };
  const connection = await WorkerConnection.open(own, systemClock, { closed: () => undefined });
  expect(connection.metadata).toMatchObject({ service: "iris", version: 3 });
  pod.child.kill("SIGTERM");
  await eventually("no readiness", async () => !(await isReady()));
  expect(await pod.ended).toBe(0);
});

test("leaves the reason behind when its model can't be loaded", async () => {
  const { pod, lastWords } = await start(await keep("bad", sequenceOutput()));
  expect(await pod.ended).toBe(1);
  expect(JSON.parse(await lastWords())).toMatchObject({ code: "MODEL_UNSUPPORTED_TYPE" });
});

test("isn't given another tenant's model", async () => {
  const { pod, lastWords } = await start(await keep("theirs", lookUp(), "blue"));
  expect(await pod.ended).toBe(1);
  expect(JSON.parse(await lastWords())).toMatchObject({ code: "NOT_FOUND" });
});

test("says which setting is wrong, with exit code 2", async () => {
  const { pod } = await start("short");
  expect(await pod.ended).toBe(2);
  expect(pod.output()).toContain("SLIPWAY_MODEL_DIGEST");
});
