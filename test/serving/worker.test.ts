import { once } from "node:events";
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bytesOf } from "../../src/base/bytes.ts";
import { FRAME_KIND } from "../../src/serving/frames.ts";
import {
  echo,
  linearSoftmax,
  lookUp,
  namedClasses,
  onnxModel,
  oneRowOnly,
  runningSum,
  sequenceOutput,
  twoInputs,
} from "../support/onnx.ts";
import { TestConnection, startTestWorker, v2 } from "../support/worker-process.ts";
import type { Answer, TestWorker } from "../support/worker-process.ts";

const workers: TestWorker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.remove()));
});

async function start(...given: Parameters<typeof startTestWorker>): Promise<TestWorker> {
  const worker = await startTestWorker(...given);
  workers.push(worker);
  return worker;
}

async function serve(model: Uint8Array, more: Parameters<typeof startTestWorker>[1] = {}) {
  const worker = await start({ "model.onnx": model }, more);
  expect(worker.said).toMatchObject({ type: "ready" });
  return { worker, connection: await TestConnection.open(worker.config.socketPath) };
}

/** A worker with the linear softmax that several tests share, by a connection of their own. */
let softmax: TestWorker;
beforeAll(async () => {
  softmax = await startTestWorker({ "model.onnx": linearSoftmax() }, { maxFrameBytes: 100_000 });
});
afterAll(() => softmax.remove());
const toSoftmax = () => TestConnection.open(softmax.config.socketPath);

interface Output {
  name: string;
  shape: number[];
  datatype: string;
  data: unknown[];
}
const outputs = ({ body }: Answer) => (body as { outputs: Output[] }).outputs;
const errorOf = ({ body }: Answer) => (body as { error: string }).error;
const row = (i: number) => [Math.sin(i), Math.cos(i), Math.sin(2 * i), Math.cos(3 * i)];

describe("answers of a worker process", () => {
  it("gives class, probabilities and what it predicted in Open Inference V2", async () => {
    const connection = await toSoftmax();
    const answer = await connection.infer({
      id: "a-1",
      ...v2("x", "FP32", [2, 4], [1, 0, 0, 0, 0, 0, 0, 9]),
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ model_name: "digits", model_version: "3", id: "a-1" });
    const [label, probabilities] = outputs(answer);
    expect(label).toEqual({ name: "label", datatype: "INT64", shape: [2], data: [1, 2] });
    expect(probabilities).toMatchObject({ name: "probabilities", datatype: "FP32", shape: [2, 3] });
    const [a = 0, b = 0, c = 0] = (probabilities?.data ?? []) as number[];
    expect(a + b + c).toBeCloseTo(1, 5);
    expect(answer.prediction).toBe("[1,2]");
  });

  it("gives the outputs that are asked for, in that order, and still knows what it predicted", async () => {
    const connection = await toSoftmax();
    const request = { ...v2("x", "FP32", [1, 4], row(1)), outputs: [{ name: "probabilities" }] };
    const answer = await connection.infer(request);
    expect(outputs(answer).map(({ name }) => name)).toEqual(["probabilities"]);
    expect(answer.prediction).toMatch(/^\[\d\]$/);
  });

  it("speaks Open Inference V1", async () => {
    const connection = await toSoftmax();
    const answer = await connection.ask(FRAME_KIND.v1, { instances: [row(1), row(2)] });
    const { predictions } = answer.body as { predictions: { label: number; probabilities: number[] }[] };
    expect(predictions).toHaveLength(2);
    expect(predictions[0]?.probabilities).toHaveLength(3);
    expect(JSON.parse(answer.prediction)).toEqual(predictions.map(({ label }) => label));
  });

  it("describes its model", async () => {
    const connection = await toSoftmax();
    const { status, body } = await connection.ask(FRAME_KIND.metadata, "");
    expect(status).toBe(200);
    expect(body).toEqual({
      name: "digits",
      versions: ["3"],
      platform: "onnxruntime_onnx",
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [
        { name: "label", datatype: "INT64", shape: [-1] },
        { name: "probabilities", datatype: "FP32", shape: [-1, 3] },
      ],
      id: "w1",
      service: "digits",
      version: 3,
    });
    expect(softmax.said).toEqual({ type: "ready", metadata: body });
  });

  it("gives each of many waiting requests its own rows", async () => {
    const connection = await toSoftmax();
    const alone: Answer[] = [];
    for (let i = 0; i < 20; i++) alone.push(await connection.infer(v2("x", "FP32", [1, 4], row(i))));
    const other = await toSoftmax();
    const bodies = Array.from({ length: 200 }, (_, i) => ({
      id: `r${i}`,
      ...v2("x", "FP32", [1 + (i % 3), 4], [row(i % 20), row(5), row(6)].slice(0, 1 + (i % 3)).flat()),
    }));
    const [ours, theirs] = await Promise.all([
      connection.inferTogether(bodies),
      other.inferTogether(bodies.toReversed()).then((answers) => answers.toReversed()),
    ]);
    for (const answers of [ours, theirs]) {
      answers.forEach((answer, i) => {
        expect(answer.body).toMatchObject({ id: `r${i}` });
        const [label, probabilities] = outputs(answer);
        expect(label?.shape).toEqual([1 + (i % 3)]);
        const [aloneLabel, aloneProbabilities] = outputs(alone[i % 20] as Answer);
        expect(label?.data[0]).toBe(aloneLabel?.data[0]);
        for (const [column, value] of (aloneProbabilities?.data ?? []).entries())
          expect(probabilities?.data[column]).toBeCloseTo(value as number, 5);
      });
    }
  });

  it("fails only the request that the model can't answer", async () => {
    const { connection } = await serve(lookUp());
    const answers = await connection.inferTogether(
      Array.from({ length: 50 }, (_, i) => v2("index", "INT64", [1], [i === 17 ? 99 : i % 10])),
    );
    answers.forEach((answer, i) => {
      if (i === 17) {
        expect(answer.status).toBe(500);
        expect(errorOf(answer)).toMatch(/^the model failed on this input: .*Gather.*idx=99/);
        expect(errorOf(answer)).not.toMatch(/\n|onnxruntime_src/);
        expect(answer.prediction).toBe("");
      } else {
        expect(answer.status).toBe(200);
        expect(outputs(answer)[0]?.data).toEqual([(i % 10) * 10]);
        expect(answer.prediction).toBe(`[${(i % 10) * 10}]`);
      }
    });
  });

  it("predicts strings", async () => {
    const { connection } = await serve(namedClasses());
    const answer = await connection.infer(v2("x", "FP32", [2, 3], [1, 0, 0, 0, 0, 1]));
    expect(outputs(answer)).toEqual([
      { name: "word", datatype: "BYTES", shape: [2], data: ["low", 'hi"gh'] },
    ]);
    expect(JSON.parse(answer.prediction)).toEqual(["low", 'hi"gh']);
  });

  it("runs a model that takes one row only, row by row", async () => {
    const { connection } = await serve(oneRowOnly());
    const answers = await connection.inferTogether(
      Array.from({ length: 20 }, (_, i) => v2("x", "FP32", [1, 2], [i, 1])),
    );
    expect(answers.map((answer) => outputs(answer)[0]?.data)).toEqual(
      Array.from({ length: 20 }, (_, i) => [2 * i, 2]),
    );
  });

  it("takes inputs in any order", async () => {
    const { connection } = await serve(twoInputs());
    const answers = await connection.inferTogether(
      Array.from({ length: 20 }, (_, i) => {
        const a = { name: "a", datatype: "FP32", shape: [1, 2], data: [i, i] };
        const b = { name: "b", datatype: "FP32", shape: [1, 2], data: [[1, 2]] };
        return { inputs: i % 2 === 0 ? [a, b] : [b, a] };
      }),
    );
    answers.forEach((answer, i) => expect(outputs(answer)[0]?.data).toEqual([i + 1, i + 2]));
  });

  it("never joins requests of a model whose rows aren't independent", async () => {
    const { connection } = await serve(runningSum());
    const request = v2("x", "FP32", [2, 2], [1, 2, 3, 4]);
    const answers = await connection.inferTogether(Array.from({ length: 20 }, () => request));
    for (const answer of answers) expect(outputs(answer)[0]?.data).toEqual([1, 2, 4, 6]);
  });

  it("carries what isn't finite, and 64-bit integers with all digits", async () => {
    const { connection } = await serve(echo("FP32"));
    const data = ["NaN", 1.5, "Infinity", "-Infinity"];
    expect(outputs(await connection.infer(v2("x", "FP32", [4], data)))[0]?.data).toEqual(data);
    const { connection: integers } = await serve(echo("INT64"));
    const largest = [9_007_199_254_740_991, -9_007_199_254_740_991];
    expect(outputs(await integers.infer(v2("x", "INT64", [2], largest)))[0]?.data).toEqual(largest);
  });

  it("answers requests that were cancelled, without the model", async () => {
    const connection = await toSoftmax();
    connection.socket.cork();
    const first = connection.infer(v2("x", "FP32", [1, 4], row(1)));
    const second = connection.infer(v2("x", "FP32", [1, 4], row(2)));
    connection.cancel(1);
    connection.socket.uncork();
    expect((await first).status).toBe(499);
    expect((await second).status).toBe(200);
  });

  it("closes a connection that sends too long a frame, and no other", async () => {
    const connection = await toSoftmax();
    const broken = await toSoftmax();
    broken.socket.write(bytesOf(Buffer.from([255, 255, 255, 255, 1])));
    await once(broken.socket, "close");
    expect((await connection.infer(v2("x", "FP32", [1, 4], row(1)))).status).toBe(200);
  });

  it("says that it doesn't know a kind of frame", async () => {
    const connection = await toSoftmax();
    expect((await connection.ask(77 as 1, "")).status).toBe(501);
  });
});

describe("a worker process that can't serve its model", () => {
  const cases: [string, Record<string, Uint8Array | string>, string, RegExp][] = [
    ["no model", {}, "MODEL_MISSING", /no model\.onnx/],
    ["no ONNX file", { "model.onnx": "hello" }, "MODEL_LOAD_FAILED", /the model: Protobuf parsing failed/],
    [
      "an opset of the future",
      { "model.onnx": onnxModel({ ...identity(), opset: 99 }) },
      "MODEL_OPSET",
      /written in opset 99 of ai\.onnx; .* knows up to \d+$/,
    ],
    [
      "an IR version of the future",
      { "model.onnx": onnxModel({ ...identity(), irVersion: 99 }) },
      "MODEL_OPSET",
      /IR version 99/,
    ],
    [
      "an operator that doesn't exist",
      {
        "model.onnx": onnxModel({
          ...identity(),
          nodes: [{ op: "Nothing", inputs: ["x"], outputs: ["y"] }],
        }),
      },
      "MODEL_LOAD_FAILED",
      /No Op registered for Nothing/,
    ],
    [
      "an output that is a sequence",
      { "model.onnx": sequenceOutput() },
      "MODEL_UNSUPPORTED_TYPE",
      /output "output_probability"/,
    ],
    [
      "a type that Open Inference doesn't know",
      {
        "model.onnx": onnxModel({
          inputs: [{ name: "x", type: 16, shape: ["n"] }],
          outputs: [{ name: "y", type: 16, shape: ["n"] }],
          nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
        }),
      },
      "MODEL_UNSUPPORTED_TYPE",
      /element type 16/,
    ],
  ];
  function identity() {
    return {
      inputs: [{ name: "x", type: "FP32", shape: ["n"] }],
      outputs: [{ name: "y", type: "FP32", shape: ["n"] }],
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    } as const;
  }

  it.each(cases)("says so and exits: %s", async (_, files, code, message) => {
    const worker = await start(files);
    expect(worker.said).toMatchObject({ type: "failed", error: { code } });
    const { error } = worker.said as Extract<TestWorker["said"], { type: "failed" }>;
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\n|onnxruntime_src|\/tmp/);
    expect(await worker.exited).toEqual({ code: 1, signal: null });
  });

  it("hints at zipmap for sequences of scikit-learn's converter", async () => {
    const worker = await start({ "model.onnx": sequenceOutput() });
    expect(worker.said).toMatchObject({ error: { hint: expect.stringContaining("'zipmap': False") } });
  });

  it("ends itself when it uses more memory than it may", async () => {
    const worker = await start({ "model.onnx": linearSoftmax() }, { memoryBytes: 1024 });
    expect(worker.said).toMatchObject({ type: "failed", error: { code: "MODEL_OUT_OF_MEMORY" } });
    expect((await worker.exited).code).toBe(1);
  });
});

describe("the life of a worker process", () => {
  it("answers what it has got before it stops", async () => {
    const { worker, connection } = await serve(linearSoftmax());
    const answers = connection.inferTogether(
      Array.from({ length: 100 }, (_, i) => v2("x", "FP32", [1, 4], row(i))),
    );
    // The first answer says that what was written with it has arrived.
    await connection.infer(v2("x", "FP32", [1, 4], row(1)));
    const more = connection.infer(v2("x", "FP32", [1, 4], row(2)));
    worker.tell({ type: "stop" });
    expect((await answers).every(({ status }) => status === 200)).toBe(true);
    await Promise.race([more, once(connection.socket, "close")]);
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(worker.config.socketPath)).toBe(false);
  });

  it("serves routers one after the other", async () => {
    const { worker, connection } = await serve(linearSoftmax());
    for (let i = 0; i < 3; i++) {
      const next = await TestConnection.open(worker.config.socketPath);
      expect((await next.infer(v2("x", "FP32", [1, 4], row(i)))).status).toBe(200);
      await next.close();
    }
    expect((await connection.infer(v2("x", "FP32", [1, 4], row(1)))).status).toBe(200);
  });

  it("outlives its supervisor while a router is connected, and no longer", async () => {
    const { worker, connection } = await serve(linearSoftmax());
    worker.process.disconnect();
    expect((await connection.infer(v2("x", "FP32", [1, 4], row(1)))).status).toBe(200);
    // Another router may take over in time.
    await connection.close();
    const next = await TestConnection.open(worker.config.socketPath);
    expect((await next.infer(v2("x", "FP32", [1, 4], row(2)))).status).toBe(200);
    const closed = performance.now();
    await next.close();
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - closed).toBeLessThan(5_000);
  });

  it("stops by SIGTERM as well", async () => {
    const { worker } = await serve(linearSoftmax());
    worker.process.kill("SIGTERM");
    expect(await worker.exited).toEqual({ code: 0, signal: null });
  });
});
