import { readFile } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { rowsApart } from "../worker/join-rows.ts";
import type { Model } from "../worker/model.ts";
import { loadOnnxModel } from "../worker/onnx-model.ts";
import { decodeTensors } from "../worker/python/tensor-frames.ts";
import type { Tensor } from "../protocol/tensor.ts";
import { compareTensors } from "./compare.ts";
import { CASES_FILE, JOB_FILE, writtenSchema } from "./job.ts";
import type { Proof, Written } from "./job.ts";

/** Rows of each case that are also asked for alone: a runtime takes other ways for one row than for many. */
const ALONE = 16;
const MAX_PIECE_BYTES = 512 * 2 ** 20;

/** A difference between a compiled model and its original; the message says where. */
class Different extends Error {}

/**
 * Compares each candidate in a job's folder with the original's answers, in the runtime that would serve it, until
 * one is equal. A candidate that can't be loaded or run is different.
 */
export async function proveCandidates(jobDir: string): Promise<Proof> {
  const written = writtenSchema.parse(JSON.parse(await readFile(join(jobDir, JOB_FILE), "utf8")));
  const different: Proof["different"] = [];
  for (const { folder, name } of written.candidates) {
    try {
      const found = await prove(join(jobDir, folder), join(jobDir, CASES_FILE), written);
      return { proven: { folder, name, ...found }, different };
    } catch (error) {
      different.push({ name, reason: (error as Error).message.slice(0, 500) });
    }
  }
  return { proven: null, different };
}

async function prove(
  modelDir: string,
  casesFile: string,
  written: Written,
): Promise<{ rows: number; largest: number }> {
  const model = await loadOnnxModel(modelDir, 1);
  const file = await open(casesFile, "r");
  try {
    checkPorts(model, written);
    const reader = new PieceReader(file);
    let rows = 0;
    let largest = 0;
    for (const { name, rows: count, pieces } of written.cases) {
      for (let piece = 0; piece < pieces; piece++) {
        const inputs = await reader.next();
        const [original] = await reader.next();
        if (original === undefined) throw new Error("the cases are cut off");
        largest = Math.max(largest, await compareRun(model, name, inputs, original));
        if (piece === 0) await compareAlone(model, name, inputs, original);
      }
      rows += count;
    }
    return { rows, largest };
  } finally {
    await file.close();
    await model.release();
  }
}

/** Names, datatypes and shapes must be the original's, whose callers don't know that it was compiled. */
function checkPorts(model: Model, written: Written): void {
  for (const side of ["inputs", "outputs"] as const) {
    const own = model[side].map(({ name, datatype, shape }) => [name, datatype.name, shape]);
    const wanted = written[side].map(({ name, datatype, shape }) => [name, datatype, shape]);
    if (JSON.stringify(own) !== JSON.stringify(wanted))
      throw new Different(`its ${side} are ${JSON.stringify(own)} instead of ${JSON.stringify(wanted)}`);
  }
}

async function compareRun(
  model: Model,
  name: string,
  inputs: readonly Tensor[],
  original: Tensor,
): Promise<number> {
  const [compiled] = await model.run(inputs);
  const { difference, largest } = compareTensors(original, compiled as Tensor);
  if (difference !== undefined) throw new Different(`${name}${difference}`);
  return largest;
}

async function compareAlone(
  model: Model,
  name: string,
  inputs: readonly Tensor[],
  original: Tensor,
): Promise<void> {
  const count = Math.min(ALONE, original.shape[0] ?? 0);
  const answers = rowsApart([original], count);
  for (const [row, part] of rowsApart(inputs, count).entries())
    await compareRun(model, `${name}, row ${row} alone`, part, answers[row]?.[0] as Tensor);
}

/** Tensors with their length before them, one after the other. */
class PieceReader {
  readonly #file: FileHandle;
  #at = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async next(): Promise<Tensor[]> {
    const length = (await this.#read(4)).readUInt32LE(0);
    if (length > MAX_PIECE_BYTES) throw new Error("a case is too large");
    return decodeTensors(await this.#read(length));
  }

  async #read(length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#file.read(buffer as unknown as Uint8Array, 0, length, this.#at);
    if (bytesRead < length) throw new Error("the cases are cut off");
    this.#at += length;
    return buffer;
  }
}
