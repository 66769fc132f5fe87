import { BadInput, errorBody } from "../protocol/bad-input.ts";
import { summarise } from "../protocol/summary.ts";
import { readV1, writeV1 } from "../protocol/v1.ts";
import { readV2, writeV2 } from "../protocol/v2.ts";
import type { InferRequest } from "../protocol/v2.ts";
import { joinRows, rowsOf, sameRowShape, splitRows } from "./join-rows.ts";
import type { Tensors } from "./join-rows.ts";
import { firstLine } from "./onnx-model.ts";
import type { Model } from "./onnx-model.ts";

/** One request that waits for the model. */
export interface Job {
  protocol: "v1" | "v2";
  body: Buffer;
  /** Set once nobody waits for the answer; such a job is answered with 499 when its turn comes, without the model. */
  cancelled: boolean;
  answer(status: number, prediction: string, body: string): void;
}

interface ReadJob {
  job: Job;
  request: InferRequest;
  rows: number | undefined;
}

export interface BatcherOptions {
  model: Model;
  service: string;
  version: number;
  maxBatchRows: number;
}

/**
 * Brings requests to the model one after the other. An idle model runs at once; requests that came while it was
 * busy are joined along the rows as far as they fit. When a joined run fails, each runs alone, so that only the
 * request which the model can't answer fails.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #waiting: Job[] = [];
  #joins: boolean;
  #running: Promise<void> | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#joins = options.model.joinsRows;
  }

  add(job: Job): void {
    this.#waiting.push(job);
    this.#running ??= this.#pump();
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #pump(): Promise<void> {
    // One turn later: `#running` is set by then, and what came in the same chunk is here.
    await Promise.resolve();
    let held: ReadJob | undefined;
    for (;;) {
      const first: ReadJob | undefined = held ?? this.#next();
      held = undefined;
      if (first === undefined) break;
      const batch = [first];
      let rows = first.rows ?? 0;
      while (this.#joins && first.rows !== undefined && this.#waiting.length > 0) {
        const next = this.#next();
        if (next === undefined) break;
        const fits = next.rows !== undefined && rows + next.rows <= this.#options.maxBatchRows;
        if (!fits || !sameRowShape(first.request.inputs, next.request.inputs)) {
          held = next;
          break;
        }
        batch.push(next);
        rows += next.rows ?? 0;
      }
      await this.#runBatch(batch);
    }
    this.#running = undefined;
  }

  /** The next readable job; those with bad input are answered on the way. */
  #next(): ReadJob | undefined {
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      if (job.cancelled) {
        job.answer(499, "", "");
        continue;
      }
      try {
        const { inputs, outputs } = this.#options.model;
        const request = (job.protocol === "v1" ? readV1 : readV2)(job.body, inputs, outputs);
        return { job, request, rows: rowsOf(request.inputs) };
      } catch (error) {
        answerError(job, error);
      }
    }
    return undefined;
  }

  async #runBatch(batch: readonly ReadJob[]): Promise<void> {
    if (batch.length === 1) return this.#runAlone(batch);
    let split: Tensors[] | undefined;
    try {
      const outputs = await this.#options.model.run(joinRows(batch.map(({ request }) => request.inputs)));
      split = splitRows(
        outputs,
        batch.map(({ rows }) => rows ?? 0),
      );
      if (split === undefined) this.#joins = false;
    } catch {
      // Which of them the model refuses shows when each runs alone.
    }
    if (split === undefined) return this.#runAlone(batch);
    for (const [index, { job, request }] of batch.entries())
      this.#answer(job, request, split[index] ?? new Map());
  }

  async #runAlone(batch: readonly ReadJob[]): Promise<void> {
    for (const { job, request } of batch) {
      try {
        this.#answer(job, request, await this.#options.model.run(request.inputs));
      } catch (error) {
        answerError(job, error);
      }
    }
  }

  #answer(job: Job, request: InferRequest, outputs: Tensors): void {
    try {
      const { service, version } = this.#options;
      const body =
        job.protocol === "v1" ? writeV1(request, outputs) : writeV2(service, version, request, outputs);
      job.answer(200, summarise(outputs.values()), body);
    } catch (error) {
      answerError(job, error);
    }
  }
}

function answerError(job: Job, error: unknown): void {
  if (error instanceof BadInput) job.answer(error.status, "", errorBody(error.message));
  else job.answer(500, "", errorBody(`the model failed on this input: ${firstLine(error)}`));
}
