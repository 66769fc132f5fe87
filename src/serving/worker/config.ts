import type { ErrorBody } from "../../http/errors.ts";
import type { ModelFormat } from "../backend.ts";
import type { TensorPort } from "../protocol/tensor.ts";
import { platformOf } from "../worker-arguments.ts";
import type { TensorSpec, WorkerMetadata as Identity } from "../worker-arguments.ts";

/** What a worker is told at its start. A process holds one worker, or several with small models. */
export interface WorkerConfig {
  id: string;
  /** The process that it lives in; workers with the same name here share one. */
  process: string;
  /** True when workers of other variants may live in the same process. */
  isShared: boolean;
  /** Unix socket that it listens on; a file of that name that nobody serves any more is replaced. */
  socketPath: string;
  /** In a pod: the port that it listens on instead of the socket. */
  port?: WorkerPort;
  service: string;
  version: number;
  format: ModelFormat;
  /** Folder with the model, and `contract.json` where there is one. */
  modelDir: string;
  /** Interpreter of the model's own environment, for a model in Python. */
  python?: string;
  /** Of one request frame. */
  maxFrameBytes: number;
  /** Resident memory beyond which its process ends itself; undefined: no limit of its own. */
  memoryBytes?: number;
  /** Threads that one inference may use; default 1. */
  threads?: number;
  /** Added to the process's niceness, 0 to 19: its weight where processors are short. */
  nice?: number;
  /** Rows that waiting requests may be joined to; default 256. */
  maxBatchRows?: number;
}

/** Where a worker in a pod takes frames, from those who know its token. */
export interface WorkerPort {
  /** An address of this machine, such as `::`. */
  host: string;
  port: number;
  /** SHA-256 (hex) of the token that each connection begins with. */
  tokenSha256: string;
}

/**
 * Messages to a worker process. Its first one may come without a worker: it loads what every model needs and waits.
 * `end` lets one worker answer what it has and go; `stop` all of them, and the process with them.
 */
export type ToWorker =
  | { type: "start"; worker?: WorkerConfig }
  | { type: "end"; id: string }
  | { type: "stop" };
export type FromWorker =
  /** `metadata.id` says which. */
  | { type: "ready"; metadata: WorkerMetadata }
  /** That worker has ended; exit code 1 follows when it was the process's last. */
  | { type: "failed"; id: string; error: ErrorBody }
  | { type: "ended"; id: string }
  /** The whole process gives up, with all that it holds. */
  | { type: "over"; error: ErrorBody };

/** Open Inference V2's model metadata, and which worker says so. */
export interface WorkerMetadata extends Identity {
  name: string;
  versions: string[];
  platform: ReturnType<typeof platformOf>;
}

/** Of a loaded model. */
export function workerMetadata(
  { id, service, version, format }: Pick<WorkerConfig, "id" | "service" | "version" | "format">,
  inputs: readonly TensorPort[],
  outputs: readonly TensorPort[],
): WorkerMetadata {
  return {
    name: service,
    versions: [String(version)],
    platform: platformOf(format),
    inputs: inputs.map(specOf),
    outputs: outputs.map(specOf),
    id,
    service,
    version,
  };
}

function specOf({ name, datatype, shape }: TensorPort): TensorSpec {
  return { name, datatype: datatype.name, shape: [...(shape ?? [])] };
}
