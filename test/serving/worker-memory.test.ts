import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { SlipwayError } from "../../src/http/errors.ts";
import { startWorker } from "../../src/serving/worker/worker.ts";
import { linearSoftmax } from "../support/onnx.ts";

const MEBIBYTE = 1024 * 1024;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-memory-"));
  await writeFile(join(folder, "model.onnx"), linearSoftmax());
});
afterEach(() => rm(folder, { recursive: true }));

it("a worker that leaks says so once it is over its limit", async () => {
  let resident = 90 * MEBIBYTE;
  let say: (error: SlipwayError) => void = () => {};
  const over = new Promise<SlipwayError>((resolve) => (say = resolve));
  const worker = await startWorker(
    {
      id: "w1",
      process: "p1",
      isShared: false,
      socketPath: join(folder, "w.sock"),
      service: "digits",
      version: 1,
      format: "onnx",
      modelDir: folder,
      maxFrameBytes: MEBIBYTE,
      threads: 1,
      memoryBytes: 100 * MEBIBYTE,
      maxBatchRows: 256,
    },
    {
      resident: () => resident,
      onOverMemory: (error) => say(error),
      onModelDied: say,
      onConnections: () => {},
      log: () => {},
    },
  );
  resident = 101 * MEBIBYTE;
  expect(await over).toMatchObject({
    code: "MODEL_OUT_OF_MEMORY",
    message: "while serving, the worker uses 101 MiB; 100 MiB are allowed",
  });
  await worker.close();
});
