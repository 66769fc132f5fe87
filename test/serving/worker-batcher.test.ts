import { describe, expect, it } from "vitest";
import { datatypeNamed } from "../../src/serving/protocol/datatypes.ts";
import type { Datatype } from "../../src/serving/protocol/datatypes.ts";
import type { Tensor, TensorPort } from "../../src/serving/protocol/tensor.ts";
import { FRAME_KIND, NO_RUN } from "../../src/serving/frames.ts";
import { Batcher } from "../../src/serving/worker/batcher.ts";
import type { Job } from "../../src/serving/worker/batcher.ts";
import type { Model } from "../../src/serving/worker/model.ts";
import { v2 } from "../support/worker-process.ts";

const FP32 = datatypeNamed("FP32") as Datatype;
const port = (name: string, shape: number[]): TensorPort => ({ name, datatype: FP32, shape });

/** Doubles every value; says what it was run with. */
function doubling(answer?: (inputs: readonly Tensor[]) => Tensor[]) {
  const runs: number[] = [];
  const model: Model = {
    inputs: [port("x", [-1, -1])],
    outputs: [port("y", [-1, -1])],
    run(inputs) {
      const [x] = inputs as [Tensor];
      runs.push(x.shape[0] ?? 0);
      if (answer) return Promise.resolve().then(() => answer(inputs));
      return Promise.resolve([{ ...x, data: (x.data as Float32Array).map((value) => 2 * value) }]);
    },
    release: () => Promise.resolve(),
  };
  return { model, runs };
}

interface Answered {
  status: number;
  prediction: string;
  body: string;
}

function ask(batcher: Batcher, body: unknown): { job: Job; answered: Promise<Answered> } {
  let job!: Job;
  const answered = new Promise<Answered>((resolve) => {
    job = {
      kind: FRAME_KIND.v2,
      body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
      cancelled: false,
      arrivedAt: performance.now(),
      timing: { ...NO_RUN },
      answer: (status, prediction, text) => resolve({ status, prediction, body: String(text) }),
    };
    batcher.add(job);
  });
  return { job, answered };
}

const rows = (count: number, columns = 2, first = 0) =>
  v2(
    "x",
    "FP32",
    [count, columns],
    Array.from({ length: count * columns }, (_, i) => first + i),
  );
const batcherOf = (model: Model, maxBatchRows = 256, joins = true) =>
  new Batcher({ model, service: "s", version: 1, maxBatchRows, joins });
const dataOf = ({ body }: Answered) =>
  (JSON.parse(body) as { outputs: { data: number[] }[] }).outputs[0]?.data;

describe("a batcher", () => {
  it("runs what waits together once", async () => {
    const { model, runs } = doubling();
    const batcher = batcherOf(model);
    const asked = [1, 2, 3, 4].map((count) => ask(batcher, rows(count, 2, count * 100)).answered);
    const answers = await Promise.all(asked);
    expect(runs).toEqual([10]);
    expect(dataOf(answers[1] as Answered)).toEqual([400, 402, 404, 406]);
    expect(batcher.waitingBytes).toBe(0);
  });

  it("says of each request how long it waited and how many ran with it", async () => {
    const batcher = batcherOf(doubling().model);
    const asked = [1, 1, 2].map((count) => ask(batcher, rows(count)));
    await Promise.all(asked.map(({ answered }) => answered));
    expect(asked.map(({ job }) => [job.timing.batch, job.timing.isFirst])).toEqual([
      [3, true],
      [3, false],
      [3, false],
    ]);
    for (const { job } of asked) expect(job.timing.queuedMicros).toBeGreaterThan(0);
  });

  it("doesn't wait for company", async () => {
    const { model, runs } = doubling();
    const batcher = batcherOf(model);
    await ask(batcher, rows(1)).answered;
    await ask(batcher, rows(1)).answered;
    expect(runs).toEqual([1, 1]);
  });

  it("joins up to the limit of rows, and rows of the same shape", async () => {
    const { model, runs } = doubling();
    const batcher = batcherOf(model, 8);
    await Promise.all(
      [rows(3), rows(5), rows(1), rows(1, 3), rows(1, 3), rows(9, 3), rows(2, 3)].map(
        (body) => ask(batcher, body).answered,
      ),
    );
    expect(runs).toEqual([8, 1, 2, 9, 2]);
  });

  it("keeps requests apart when the model's rows depend on each other", async () => {
    const { model, runs } = doubling();
    const batcher = batcherOf(model, 256, false);
    await Promise.all([1, 1, 1].map((count) => ask(batcher, rows(count)).answered));
    expect(runs).toEqual([1, 1, 1]);
  });

  it("runs each alone when they fail together, and goes on joining", async () => {
    const isBad = ({ data }: Tensor) => (data as Float32Array).includes(666);
    const { model, runs } = doubling(([x]) => {
      if (isBad(x as Tensor)) throw new Error("bad row\n    at somewhere");
      return [x as Tensor];
    });
    const batcher = batcherOf(model);
    const answers = await Promise.all([1, 666, 2].map((first) => ask(batcher, rows(1, 1, first)).answered));
    expect(answers.map(({ status }) => status)).toEqual([200, 500, 200]);
    expect(JSON.parse(answers[1]?.body ?? "")).toEqual({ error: "the model failed on this input: bad row" });
    await Promise.all([1, 2].map((first) => ask(batcher, rows(1, 1, first)).answered));
    expect(runs).toEqual([3, 1, 1, 1, 2]);
  });

  it("stops joining a model that answers with another number of rows", async () => {
    const { model, runs } = doubling(() => [
      { datatype: FP32, shape: [1, 1], data: new Float32Array([7]), start: 0 },
    ]);
    const batcher = batcherOf(model);
    const answers = await Promise.all([1, 2].map((first) => ask(batcher, rows(1, 1, first)).answered));
    expect(answers.map(dataOf)).toEqual([[7], [7]]);
    await Promise.all([1, 2].map((first) => ask(batcher, rows(1, 1, first)).answered));
    expect(runs).toEqual([2, 1, 1, 1, 1]);
  });

  it("answers bad input on the way, and cancelled requests without the model", async () => {
    const { model, runs } = doubling();
    const batcher = batcherOf(model);
    const first = ask(batcher, rows(1));
    const bad = ask(batcher, "{");
    const cancelled = ask(batcher, rows(1));
    cancelled.job.cancelled = true;
    const last = ask(batcher, rows(1));
    expect((await bad.answered).status).toBe(400);
    expect(await cancelled.answered).toEqual({ status: 499, prediction: "", body: "" });
    expect((await first.answered).status).toBe(200);
    expect((await last.answered).status).toBe(200);
    expect(runs).toEqual([2]);
    await batcher.idle();
  });
});
