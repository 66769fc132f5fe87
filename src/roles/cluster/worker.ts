import { writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../base/clock.ts";
import type { Invocation } from "../../base/invocation.ts";
import { digestOf } from "../../http/credentials.ts";
import { toSlipwayError } from "../../http/errors.ts";
import type { Worker } from "../../serving/worker/worker.ts";
import { startWorker } from "../../serving/worker/worker.ts";
import { createModelEnvironments } from "../../targets/local/model-environments/model-environments.ts";
import { stepEnvironment } from "../step-environment.ts";
import { fetchModel } from "./fetch-model.ts";
import { createWorkerHttp } from "./worker-http.ts";
import type { WorkerHttp } from "./worker-http.ts";
import { workerSettings } from "./worker-settings.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** More than any body that the router takes; rules bound bodies far below. */
const MAX_FRAME_BYTES = 260 * 1024 * 1024;
const MAX_BATCH_ROWS = 256;
/** Until every serve pod has heard that this one goes. */
const LEAVE_MS = 2_000;
/** Until a gateway has: it gathers changes for some seconds. */
const LEAVE_GATEWAY_MS = 8_000;
/** Of what a container may say at its end. */
const MAX_LAST_WORDS = 3_000;

/** The process of a pod that serves one model: fetches it, loads it, answers frames and HTTP until it is ended. */
export async function workerRole({ env }: Invocation): Promise<void> {
  let settings: WorkerSettings;
  try {
    settings = workerSettings(env);
  } catch (error) {
    console.error(toSlipwayError(error).message);
    process.exitCode = 2;
    return;
  }
  process.title = `slipway worker ${settings.service} ${settings.version}`;
  const stop = new AbortController();
  const pod: { http?: WorkerHttp; worker?: Worker } = {};
  process.on("SIGTERM", () => {
    stop.abort(new Error("the pod ends"));
    void leave(pod, settings).finally(() => process.exit(0));
  });
  try {
    pod.http = await createWorkerHttp(settings, systemClock);
    await listen(pod.http.server, settings.host, settings.httpPort);
    if (pod.http.admin && settings.door) await listen(pod.http.admin, settings.host, settings.door.adminPort);
    pod.worker = await load(settings, stepEnvironment(env), stop.signal);
    await pod.http.serve(settings.framesPort);
    note(`serves version ${settings.version} of ${settings.service}`);
  } catch (error) {
    if (!stop.signal.aborted) await fail(settings, error);
  }
}

async function load(
  settings: WorkerSettings,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<Worker> {
  const { service, version, format, token, host, framesPort, memoryBytes, threads } = settings;
  const modelDir = await fetchModel(settings, { clock: systemClock, note, signal });
  const python = format === "python" ? await interpreter(settings, env, modelDir, signal) : undefined;
  return startWorker(
    {
      id: "pod",
      process: "pod",
      isShared: false,
      socketPath: "",
      port: { host, port: framesPort, tokenSha256: digestOf(token) },
      service,
      version,
      format,
      modelDir,
      ...(python === undefined ? {} : { python }),
      maxFrameBytes: MAX_FRAME_BYTES,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      threads,
      maxBatchRows: MAX_BATCH_ROWS,
    },
    {
      resident: () => process.memoryUsage.rss(),
      onOverMemory: (error) => void fail(settings, error),
      onModelDied: (error) => void fail(settings, error),
      onConnections: () => undefined,
      log: (text) => void process.stderr.write(text),
    },
  );
}

async function interpreter(
  { cacheDir }: WorkerSettings,
  env: Record<string, string>,
  modelDir: string,
  signal: AbortSignal,
): Promise<string> {
  note("preparing the model's environment");
  const environments = await createModelEnvironments({
    dataDir: cacheDir,
    clock: systemClock,
    env,
    platform: process.platform,
    pid: process.pid,
    signal,
  });
  return environments.prepare(modelDir);
}

/** What has come is answered, and what still comes while the news that it goes is on its way. */
async function leave(
  { http, worker }: { http?: WorkerHttp; worker?: Worker },
  { door }: WorkerSettings,
): Promise<void> {
  http?.leave();
  if (worker === undefined) return;
  await systemClock.sleep(door === undefined ? LEAVE_MS : LEAVE_GATEWAY_MS);
  await worker.close();
  http?.close();
}

/** The last words are for whoever asks why the pod ended: control reads them off its status. */
async function fail({ terminationLog }: WorkerSettings, error: unknown): Promise<never> {
  const known = toSlipwayError(error);
  console.error(`${known.code}: ${known.message}. ${known.hint}`);
  const words = JSON.stringify({ ...known.toJSON(), message: known.message.slice(0, MAX_LAST_WORDS) });
  // A pod without it has its log.
  await writeFile(terminationLog, words).catch(() => undefined);
  process.exit(1);
}

function note(line: string): void {
  console.error(`${new Date().toISOString()} ${line}`);
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
