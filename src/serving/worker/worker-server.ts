import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { bytesOf } from "../../base/bytes.ts";
import { FRAME_KIND, FrameReader, decodeRequest, encodeAnswer } from "../frames.ts";
import type { RequestFrame } from "../frames.ts";
import type { TensorPort } from "../protocol/tensor.ts";
import type { TensorSpec, WorkerArguments, WorkerMetadata } from "../worker-arguments.ts";
import { Batcher } from "./batcher.ts";
import type { Job } from "./batcher.ts";
import type { Model } from "./onnx-model.ts";

/** Of one frame; the router refuses larger bodies long before. */
const MAX_FRAME_BYTES = 1 << 30;

export interface WorkerServer {
  /** Answers what has come, then closes every connection. */
  close(): Promise<void>;
}

/** Listens on the worker's socket and answers frames from the model. Resolves when it can be reached. */
export async function startWorkerServer(
  socketPath: string,
  model: Model,
  options: WorkerArguments,
): Promise<WorkerServer> {
  const { id, service, version, maxBatchRows } = options;
  const batcher = new Batcher({ model, service, version, maxBatchRows });
  const metadata: WorkerMetadata = {
    id,
    service,
    version,
    inputs: model.inputs.map(specOf),
    outputs: model.outputs.map(specOf),
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    attend(socket, batcher, JSON.stringify(metadata));
  });
  await listen(server, socketPath);
  return {
    async close() {
      server.close();
      await batcher.idle();
      for (const socket of sockets) socket.destroySoon();
    },
  };
}

function specOf({ name, datatype, shape }: TensorPort): TensorSpec {
  return { name, datatype: datatype.name, shape: shape ?? [] };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
}

function attend(socket: Socket, batcher: Batcher, metadata: string): void {
  const jobs = new Map<number, Job>();
  const reader = new FrameReader(MAX_FRAME_BYTES);
  const reply = (id: number, status: number, prediction: string, body: string) => {
    jobs.delete(id);
    if (socket.destroyed) return;
    // Answers of one batch leave in one write.
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    socket.write(bytesOf(encodeAnswer({ id, status, prediction, body: Buffer.from(body) })));
  };
  const take = ({ id, kind, body }: RequestFrame) => {
    const known = jobs.get(id);
    if (kind === FRAME_KIND.metadata) return reply(id, 200, "", metadata);
    if (kind === FRAME_KIND.cancel) {
      if (known) known.cancelled = true;
      return undefined;
    }
    const job: Job = {
      protocol: kind === FRAME_KIND.v1 ? "v1" : "v2",
      body,
      cancelled: false,
      answer: (status, prediction, text) => reply(id, status, prediction, text),
    };
    jobs.set(id, job);
    batcher.add(job);
    return undefined;
  };
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) take(decodeRequest(frame));
    } catch {
      // A stream that isn't frames can't be read on.
      socket.destroy();
    }
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    for (const job of jobs.values()) job.cancelled = true;
  });
}
