import { join } from "node:path";
import { stat } from "node:fs/promises";
import { SlipwayError } from "../../http/errors.ts";
import { workerMetadata } from "./config.ts";
import type { WorkerConfig, WorkerMetadata } from "./config.ts";
import { watchMemory } from "./memory-limit.ts";
import { loadOnnxModel } from "./onnx-model.ts";
import { warmUp } from "./warm-up.ts";
import { startWorkerServer } from "./worker-server.ts";

export interface WorkerDeps {
  /** Resident bytes of this process. */
  resident(): number;
  /** The worker has used more than it may and should be closed. */
  onOverMemory(error: SlipwayError): void;
  /** A connection came or went. */
  onConnections(): void;
}

export interface Worker {
  readonly metadata: WorkerMetadata;
  /** Routers that are connected. */
  readonly connections: number;
  /** Answers what has come, then lets go of everything. */
  close(): Promise<void>;
}

/** Loads the model, warms it up and listens. MODEL_* errors say why it can't. */
export async function startWorker(config: WorkerConfig, deps: WorkerDeps): Promise<Worker> {
  const file = await stat(join(config.modelDir, "model.onnx")).catch(() => undefined);
  if (!file?.isFile()) throw new SlipwayError("MODEL_MISSING", "the model's folder has no model.onnx");
  const model = await loadOnnxModel(config.modelDir, config.threads ?? 1);
  const { joins } = await warmUp(model, config.modelDir);
  const limit = config.memoryBytes ?? Number.POSITIVE_INFINITY;
  if (deps.resident() > limit) throw overMemory(deps.resident(), limit, "having loaded the model");
  const metadata = workerMetadata(config, model.inputs, model.outputs);
  const server = await startWorkerServer({
    model,
    config,
    metadata,
    joins,
    onConnections: () => deps.onConnections(),
  });
  const watch = watchMemory(limit, deps.resident, (bytes) =>
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
