import { afterEach, describe, expect, it } from "vitest";
import { FRAME_KIND } from "../../src/serving/frames.ts";
import { linearSoftmax, lookUp, namedClasses, oneRowOnly, runningSum, twoInputs } from "../support/onnx.ts";
import { TestConnection, startTestWorker, v2 } from "../support/worker-process.ts";
import type { TestWorker } from "../support/worker-process.ts";

const workers: TestWorker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.remove()));
});

async function serve(model: Uint8Array, more: Parameters<typeof startTestWorker>[1] = {}) {
  const worker = await startTestWorker({ "model.onnx": model }, more);
  workers.push(worker);
  expect(worker.said.type).toBe("ready");
  return { worker, connection: await TestConnection.open(worker.config.socketPath) };
}

const outputs = (body: unknown) =>
  (body as { outputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] }).outputs;

describe("a worker process", () => {
  it("answers Open Inference V2 with class, probabilities and what it predicted", async () => {
    const { connection } = await serve(linearSoftmax());
    const answer = await connection.infer({
      id: "a-1",
      ...v2("x", "FP32", [2, 4], [1, 0, 0, 0, 0, 0, 0, 9]),
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ model_name: "digits", model_version: "3", id: "a-1" });
    const [label, probabilities] = outputs(answer.body);
    expect(label).toEqual({ name: "label", datatype: "INT64", shape: [2], data: [1, 1] });
    expect(probabilities).toMatchObject({ name: "probabilities", datatype: "FP32", shape: [2, 3] });
    const sum = (probabilities?.data.slice(0, 3) as number[]).reduce((a, b) => a + b);
    expect(sum).toBeCloseTo(1, 5);
    expect(answer.prediction).toBe("[1,1]");
  });
});

void [FRAME_KIND, lookUp, namedClasses, oneRowOnly, runningSum, twoInputs];
