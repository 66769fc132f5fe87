import { FRAME_KIND } from "../frames.ts";
import type { RunTiming } from "../frames.ts";
import { BadInput, errorBody, invocationError } from "../protocol/bad-input.ts";
import { summarise } from "../protocol/summary.ts";
import type { Tensor } from "../protocol/tensor.ts";
import type { InferRequest } from "../protocol/v2.ts";
import { haveRows, joinRows, rowsFrom, rowsOf, sameRowShape } from "./join-rows.ts";
import { inferenceError } from "./load-error.ts";
import { ModelLost } from "./model.ts";
import type { Model } from "./model.ts";
import { WireFormat, invocationOf } from "./wire-format.ts";
import type { InferenceKind } from "./wire-format.ts";

/** One request that waits for the model. */
export interface Job {
  /** Milliseconds of a clock that never goes back. */
  readonly arrivedAt: number;
  /** Filled in when the model runs for it, before it is answered. */
  readonly timing: RunTiming;
  readonly kind: InferenceKind;
  readonly body: Buffer;
  /** Set once nobody waits for the answer; such a job is answered with 499 when its turn comes, without the model. */
  cancelled: boolean;
  /** @param isBinary the body is in v2Binary's layout */
  answer(status: number, prediction: string, body: string | Buffer, isBinary: boolean): void;
}

interface ReadJob {
  job: Job;
  /** undefined: only the model's own framework can read the body. */
  request: InferRequest | undefined;
  /** 0 when it can't be joined with others. */
  rows: number;
}

export interface BatcherOptions {
  model: Model;
  service: string;
  version: number;
  maxBatchRows: number;
  /** True when requests may be joined along the rows. */
  joins: boolean;
  /** Called after each run, when its jobs are answered. */
  onAnswered?(): void;
}

/** What nobody reads any more. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * Brings requests to the model one after the other. An idle model runs at once; requests that came while it was
 * busy are joined along the rows as far as they fit. When a joined run fails, each runs alone, so that only the
 * request which the model can't answer fails.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #format: WireFormat;
  #waiting: Job[] = [];
  /** Index of the oldest waiting job: shifting an array of thousands moves them all. */
  #head = 0;
  #waitingBytes = 0;
  #joins: boolean;
  #running: Promise<void> | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#joins = options.joins;
    this.#format = new WireFormat(options.model, options.service, options.version);
  }

  /** Bytes of the bodies that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  add(job: Job): void {
    this.#waiting.push(job);
    this.#waitingBytes += job.body.length;
    this.#running ??= this.#pump();
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #pump(): Promise<void> {
    let held: ReadJob | undefined;
    let hasRun = false;
    for (;;) {
      // All frames of the chunk that began this are there after a microtask; what arrived during a run is read in a turn
      // of the event loop.
      await (hasRun ? new Promise<void>(nextTurn) : undefined);
      hasRun = true;
      const batch = this.#nextBatch(held);
      held = batch.held;
      if (batch.jobs.length > 0) await this.#run(batch.jobs, batch.rows);
      this.#options.onAnswered?.();
      if (held === undefined && this.#head === this.#waiting.length) break;
    }
    this.#waiting = [];
    this.#head = 0;
    this.#running = undefined;
  }

  /** The oldest job and those behind it that can be joined with it; `held` is the first that can't. */
  #nextBatch(first: ReadJob | undefined): { jobs: ReadJob[]; rows: number; held: ReadJob | undefined } {
    const jobs: ReadJob[] = first === undefined ? [] : [first];
    let rows = first?.rows ?? 0;
    for (;;) {
      const [oldest] = jobs;
      if (oldest !== undefined && (!this.#joins || oldest.rows === 0)) break;
      const next = this.#next();
      if (next === undefined) break;
      if (oldest !== undefined) {
        const fits = next.rows > 0 && rows + next.rows <= this.#options.maxBatchRows;
        if (!fits || !sameRowShape(inputsOf(oldest), inputsOf(next))) return { jobs, rows, held: next };
      }
      jobs.push(next);
      rows += next.rows;
    }
    return { jobs, rows, held: undefined };
  }

  /** The next readable job; cancelled ones and those with bad input are answered on the way. */
  #next(): ReadJob | undefined {
    while (this.#head < this.#waiting.length) {
      const job = this.#waiting[this.#head++] as Job;
      this.#waitingBytes -= job.body.length;
      if (job.cancelled) {
        job.answer(CLIENT_CLOSED_REQUEST, "", "", false);
        continue;
      }
      try {
        if (job.kind === FRAME_KIND.invocations && this.#options.model.invoke !== undefined)
          return { job, request: undefined, rows: 0 };
        const request = this.#format.read(job.kind, job.body);
        return { job, request, rows: rowsOf(request.inputs) };
      } catch (error) {
        answerError(job, error);
      }
    }
    return undefined;
  }

  async #run(batch: readonly ReadJob[], rows: number): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only) return this.#runAlone(only);
    let outputs: Tensor[] | undefined;
    const beganAt = performance.now();
    try {
      outputs = await this.#options.model.run(joinRows(batch.map(inputsOf)));
      // Its first dimension isn't one of rows after all.
      if (!haveRows(outputs, rows)) {
        this.#joins = false;
        outputs = undefined;
      }
    } catch {
      // Which of them the model refuses shows when each runs alone.
    }
    if (outputs === undefined) {
      for (const one of batch) await this.#runAlone(one);
      return undefined;
    }
    ran(batch, beganAt);
    let row = 0;
    for (const one of batch) {
      this.#answer(one, rowsFrom(outputs, row, one.rows));
      row += one.rows;
    }
    return undefined;
  }

  async #runAlone(one: ReadJob): Promise<void> {
    const { job, request } = one;
    if (job.cancelled) return job.answer(CLIENT_CLOSED_REQUEST, "", "", false);
    const beganAt = performance.now();
    try {
      if (request === undefined) return await this.#invoke(one, beganAt);
      const outputs = await this.#options.model.run(request.inputs);
      ran([one], beganAt);
      this.#answer(one, outputs);
    } catch (error) {
      if (job.timing.batch === 0) ran([one], beganAt);
      answerError(one.job, error);
    }
    return undefined;
  }

  async #invoke(one: ReadJob, beganAt: number): Promise<void> {
    const { job } = one;
    const { mediaType, bytes } = invocationOf(job.body);
    const answered = await this.#options.model.invoke?.(mediaType, bytes);
    ran([one], beganAt);
    if (answered === undefined) throw new BadInput("the model takes no invocations", 501);
    job.answer(answered.status, "", answered.body, false);
  }

  #answer({ job, request }: ReadJob, outputs: readonly Tensor[]): void {
    if (request === undefined) return;
    try {
      const body = this.#format.write(job.kind, request, outputs);
      job.answer(200, summarise(outputs), body, typeof body !== "string");
    } catch (error) {
      // Such as an answer that is longer than a string can be.
      answerError(job, error);
    }
  }
}

/** The model has run for these jobs, together. */
function ran(batch: readonly ReadJob[], beganAt: number): void {
  const computeMicros = Math.round((performance.now() - beganAt) * 1_000);
  let isFirst = true;
  for (const { job } of batch) {
    const { timing } = job;
    timing.queuedMicros = Math.max(0, Math.round((beganAt - job.arrivedAt) * 1_000));
    timing.computeMicros = computeMicros;
    timing.batch = batch.length;
    timing.isFirst = isFirst;
    isFirst = false;
  }
}

/** Of a job that was joined, so it has some. */
function inputsOf({ request }: ReadJob): readonly Tensor[] {
  return request?.inputs ?? [];
}

function nextTurn(resolve: () => void): void {
  setImmediate(resolve);
}

function answerError(job: Job, error: unknown): void {
  // This worker ends now: whoever sent the request learns that it was lost, and may try another one.
  if (error instanceof ModelLost) return;
  if (error instanceof BadInput) answerFailure(job, error.status, error.message);
  else answerFailure(job, 500, `the model failed on this input: ${inferenceError(error)}`);
}

function answerFailure(job: Job, status: number, message: string): void {
  const body = job.kind === FRAME_KIND.invocations ? invocationError(status, message) : errorBody(message);
  job.answer(status, "", body, false);
}
