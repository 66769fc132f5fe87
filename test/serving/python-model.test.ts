import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { SlipwayError } from "../../src/http/errors.ts";
import { datatypeNamed } from "../../src/serving/protocol/datatypes.ts";
import type { Datatype } from "../../src/serving/protocol/datatypes.ts";
import type { Tensor } from "../../src/serving/protocol/tensor.ts";
import { FRAME_KIND } from "../../src/serving/frames.ts";
import type { AnswerFrame } from "../../src/serving/frames.ts";
import { WorkerConnection } from "../../src/serving/router/worker-connection.ts";
import { startWorker } from "../../src/serving/worker/worker.ts";
import { ModelLost } from "../../src/serving/worker/model.ts";
import { loadPythonModel } from "../../src/serving/worker/python-model.ts";
import type { PythonModelOptions } from "../../src/serving/worker/python-model.ts";
import { stubEnvironment } from "../support/python-environment.ts";

/** What a model of a team may do; the first value of `x` chooses. */
const MODEL = `
import ctypes, os, sys, time
import numpy as np, pandas as pd
kept = []
INPUTS = [("x", "double"), ("name", "string"), ("day", "datetime")]
OUTPUTS = [("score", "double"), ("label", "string")]
def predict(data):
    case = int(data["x"].iloc[0])
    frame = pd.DataFrame({"score": data["x"] * 2, "label": data["name"].str.upper() + data["day"].dt.strftime("-%Y")})
    if case == 1: print("printed"); os.write(1, b"written\\n"); sys.stdout.flush()
    if case == 2: raise ValueError("no such customer " + "x" * 20000)
    if case == 3: return pd.DataFrame({"score": ["text"], "label": ["a"]})
    if case == 4: return {"score": [float(v) for v in data["x"]], "label": list(data["name"])}
    if case == 5: return frame.drop(columns="label")
    if case == 6: sys.exit(3)
    if case == 7: ctypes.string_at(0)
    if case == 8:
        while True: time.sleep(60)
    if case == 9: return [{"score": 1, "label": None}]
    if case == 10: return object()
    if case == 11: kept.append(np.ones(40_000_000))
    return frame
`;

let folder: string;
let python: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-python-"));
  python = stubEnvironment(join(folder, "environment"));
  await writeFile(join(folder, "model.py"), MODEL);
});
afterAll(() => rm(folder, { recursive: true }));

function load(more: Partial<PythonModelOptions> = {}) {
  return loadPythonModel({
    python,
    modelDir: folder,
    threads: 1,
    log: () => {},
    onDied: () => {},
    ...more,
  });
}

function tensor(datatype: string, values: unknown[]): Tensor {
  const type = datatypeNamed(datatype) as Datatype;
  const data = type.make(values.length);
  type.read(values, data, 0);
  return { datatype: type, shape: [values.length], data, start: 0 };
}

function inputs(xs: number[], names = xs.map(() => "é"), days = xs.map(() => "2024-05-06")): Tensor[] {
  return [tensor("FP64", xs), tensor("BYTES", names), tensor("BYTES", days)];
}

function plain(outputs: readonly Tensor[]): unknown[] {
  return outputs.map(({ datatype, data }) => [datatype.name, ...(data as Float64Array)]);
}

describe("a model in Python", () => {
  it("answers tensors, whatever its code prints, raises or returns, in one process", async () => {
    let log = "";
    const model = await load({ log: (text) => (log += text) });
    expect(model.inputs.map(({ name, datatype }) => [name, datatype.name])).toEqual([
      ["x", "FP64"],
      ["name", "BYTES"],
      ["day", "BYTES"],
    ]);
    expect(plain(await model.run(inputs([0.5, 2.5])))).toEqual([
      ["FP64", 1, 5],
      ["BYTES", "É-2024", "É-2024"],
    ]);
    const tz = await model.run(inputs([0], [""], ["2023-12-31T23:30:00-02:00"]));
    expect(plain(tz)[1]).toEqual(["BYTES", "-2024"]);
    await model.run(inputs([1]));
    expect(plain(await model.run(inputs([4, 7])))).toEqual([
      ["FP64", 4, 7],
      ["BYTES", "é", "é"],
    ]);
    expect(plain(await model.run(inputs([9])))).toEqual([
      ["FP64", 1],
      ["BYTES", ""],
    ]);
    await expect(model.run(inputs([2]))).rejects.toThrow(/^ValueError: no such customer x{100}/);
    await model.run(inputs([2])).catch((error: Error) => expect(error.message.length).toBeLessThan(9_000));
    await expect(model.run(inputs([3]))).rejects.toThrow(
      "TypeError: the model answered BYTES for 'score'; FP64 is expected",
    );
    await expect(model.run(inputs([5]))).rejects.toThrow(
      /answered with 'score'; 'score', 'label' are expected/,
    );
    await expect(model.run(inputs([6]))).rejects.toThrow("SystemExit: 3");
    await expect(model.run(inputs([10]))).rejects.toThrow(/^TypeError/);
    await expect(model.run(inputs([0], ["a"], ["tomorrow"]))).rejects.toMatchObject({
      name: "BadInput",
      message: expect.stringContaining("input 'day'") as string,
    });
    expect(model.resident?.()).toBeGreaterThan(process.platform === "linux" ? 20e6 : -1);
    await model.release();
    expect(log).toContain("printed\nwritten\n");
    expect(log).toContain("ValueError: no such customer");
  });

  it("loses what a crash takes, and says what crashed", async () => {
    let died: SlipwayError | undefined;
    const model = await load({ onDied: (error) => (died = error) });
    const results = await Promise.allSettled([model.run(inputs([7])), model.run(inputs([0]))]);
    for (const result of results)
      expect(result).toMatchObject({ status: "rejected", reason: expect.any(ModelLost) as Error });
    expect(died).toMatchObject({
      code: "MODEL_DIED",
      // With the line of Python that called it.
      message: expect.stringMatching(/signal SIG(SEGV|BUS).*string_at/) as string,
    });
    await expect(model.run(inputs([0]))).rejects.toThrow(ModelLost);
  });

  it.skipIf(process.platform !== "linux")("is held to its worker's memory when it leaks", async () => {
    let say: (error: SlipwayError) => void = () => {};
    const over = new Promise<SlipwayError>((resolve) => (say = resolve));
    const worker = await startWorker(
      {
        id: "w",
        process: "p",
        isShared: false,
        socketPath: join(folder, "w.sock"),
        service: "leaky",
        version: 1,
        format: "python",
        modelDir: folder,
        python,
        maxFrameBytes: 1_000_000,
        memoryBytes: 350_000_000,
      },
      {
        resident: () => 0,
        onOverMemory: say,
        onModelDied: () => {},
        onConnections: () => {},
        log: () => {},
      },
    );
    expect(worker.metadata.platform).toBe("mlflow_pyfunc");
    const connection = await WorkerConnection.open(join(folder, "w.sock"), systemClock, {
      closed: () => {},
    });
    const body = Buffer.from(
      JSON.stringify({
        inputs: [
          { name: "x", datatype: "FP64", shape: [1], data: [11] },
          { name: "name", datatype: "BYTES", shape: [1, 1], data: ["a"] },
          { name: "day", datatype: "BYTES", shape: [1], data: ["2024-01-01"] },
        ],
      }),
    );
    const answer = await new Promise<AnswerFrame>((answered) =>
      connection.send({ kind: FRAME_KIND.v2, body, timeoutMs: 30_000, answered }, systemClock.now()),
    );
    expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([
      200,
      { outputs: [{ data: [22] }, { data: ["A-2024"] }] },
    ]);
    expect((await over).code).toBe("MODEL_OUT_OF_MEMORY");
    connection.close();
    await worker.close();
  });

  it("is ended when it hangs", async () => {
    let died: SlipwayError | undefined;
    const model = await load({ longestMs: 300, onDied: (error) => (died = error) });
    await expect(model.run(inputs([8]))).rejects.toThrow("the model hasn't answered within 300 ms");
    await expect.poll(() => died?.message).toMatch(/SIGKILL/);
  });

  it("says why it can't be loaded", async () => {
    const broken = await mkdtemp(join(folder, "broken-"));
    await writeFile(join(broken, "model.py"), "import no_such_package\n");
    await expect(load({ modelDir: broken })).rejects.toMatchObject({
      code: "MODEL_LOAD_FAILED",
      message: expect.stringContaining("needs the Python module no_such_package") as string,
    });
    await writeFile(
      join(broken, "model.py"),
      "import time\nprint('still reading', flush=True)\ntime.sleep(60)\n",
    );
    await expect(load({ modelDir: broken, startMs: 500 })).rejects.toMatchObject({
      code: "MODEL_START_TIMEOUT",
      message: expect.stringContaining("0.5 s") as string,
    });
    await expect(load({ python: join(folder, "no-python") })).rejects.toMatchObject({
      code: "MODEL_DIED",
      message: expect.stringContaining("can't be started") as string,
    });
  });
});
