import { join } from "node:path";
import { stat } from "node:fs/promises";
import { SlipwayError } from "../../http/errors.ts";
import { workerMetadata } from "./config.ts";
import type { WorkerConfig, WorkerMetadata } from "./config.ts";
import { asCompiled } from "./compiled-model.ts";
import { readInvocationForm } from "./invocation-form.ts";
import { watchMemory } from "./memory-limit.ts";
import type { Model } from "./model.ts";
import { loadOnnxModel, warmRuntime } from "./onnx-model.ts";
import { loadPythonModel } from "./python-model.ts";
import { warmUp } from "./warm-up.ts";
import { startWorkerServer } from "./worker-server.ts";

export interface WorkerDeps {
  /** Resident bytes of this process. */
  resident(): number;
  /** The worker has used more than it may and should be closed. */
  onOverMemory(error: SlipwayError): void;
  /** What ran the model is gone: the worker should be closed, and what it hasn't answered is lost. */
  onModelDied(error: SlipwayError): void;
  /** A connection came or went. */
  onConnections(): void;
  /** Into this process's log. */
  log(text: string): void;
}

export interface Worker {
  readonly metadata: WorkerMetadata;
  /** Routers that are connected. */
  readonly connections: number;
  /** Answers what has come, then lets go of everything. */
  close(): Promise<void>;
}

/** Does what loading the first ONNX model of a process would have to do before, and takes most of its time. */
export async function warmProcess(): Promise<void> {
  const model = await warmRuntime();
  await warmUp(model);
  await model.release();
}

/** Loads the model, warms it up and listens. MODEL_* errors say why it can't. */
export async function startWorker(config: WorkerConfig, deps: WorkerDeps): Promise<Worker> {
  const model = await loadModel(config, deps);
  const resident = () => deps.resident() + (model.resident?.() ?? 0);
  const { joins } = await warmUp(model, config.modelDir);
  const limit = config.memoryBytes ?? Number.POSITIVE_INFINITY;
  if (resident() > limit) {
    const error = overMemory(resident(), limit, "having loaded the model");
    await model.release();
    throw error;
  }
  const metadata = workerMetadata(config, model.inputs, model.outputs);
  const server = await startWorkerServer({
    model,
    config,
    metadata,
    joins,
    onConnections: () => deps.onConnections(),
  });
  const watch = watchMemory(limit, resident, (bytes) =>
    deps.onOverMemory(overMemory(bytes, limit, "while serving")),
  );
  return {
    metadata,
    get connections() {
      return server.connections;
    },
    async close() {
      watch.stop();
      await server.close();
      await model.release();
    },
  };
}

async function loadModel(config: WorkerConfig, deps: WorkerDeps): Promise<Model> {
  const { format, modelDir, python, threads = 1 } = config;
  if (format === "python") {
    if (python === undefined)
      throw new SlipwayError("MODEL_LOAD_FAILED", "a model in Python needs an environment, none was given");
    return loadPythonModel({ python, modelDir, threads, log: deps.log, onDied: deps.onModelDied });
  }
  const file = await stat(join(modelDir, "model.onnx")).catch(() => undefined);
  if (!file?.isFile()) throw new SlipwayError("MODEL_MISSING", "the model's folder has no model.onnx");
  const model = await asCompiled(await loadOnnxModel(modelDir, threads), modelDir);
  const invocation = await readInvocationForm(modelDir, model.outputs);
  return invocation === undefined ? model : { ...model, invocation };
}

function overMemory(
  bytes: number,
  limit: number,
  when: "having loaded the model" | "while serving",
): SlipwayError {
  const mebibytes = (value: number): string => `${Math.ceil(value / 2 ** 20)} MiB`;
  return new SlipwayError(
    "MODEL_OUT_OF_MEMORY",
    `${when}, the worker uses ${mebibytes(bytes)}; ${mebibytes(limit)} are allowed`,
    { given: String(bytes), allowed: String(limit) },
  );
}
