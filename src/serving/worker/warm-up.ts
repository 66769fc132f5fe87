import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { madeContractFile } from "../contract.ts";
import type { Datatype } from "../protocol/datatypes.ts";
import { elements } from "../protocol/tensor.ts";
import type { Tensor, TensorPort } from "../protocol/tensor.ts";
import { isObject, parseObject, readV2 } from "../protocol/v2.ts";
import { haveRows, joinRows, rowsApart, rowsFrom, rowsOf, sameRowShape } from "./join-rows.ts";
import type { Model } from "./model.ts";

const ABSOLUTE = 1e-4;
const RELATIVE = 1e-3;
/** Rows of the example that are tried one by one. */
const MAX_TRIED = 8;

/**
 * First inferences of a fresh model, so that no caller waits for what the runtime does only once; answers whether
 * requests may be joined. Declared shapes don't tell a batch from a sequence, so joining is allowed only to a model
 * that answers rows together as it answers each of them alone. Never fails: whether the model answers rightly is
 * for the contract check.
 */
export async function warmUp(model: Model, modelDir?: string): Promise<{ joins: boolean }> {
  const logged = modelDir === undefined ? undefined : await readExample(model, modelDir);
  const example = logged ?? madeUp(model);
  try {
    await model.run(example);
    return { joins: looksBatched(model) && (await answersRowsApart(model, example)) };
  } catch {
    return { joins: false };
  }
}

/** The request in the model's contract, if it has one that can be read. */
async function readExample(model: Model, modelDir: string): Promise<readonly Tensor[] | undefined> {
  try {
    const logged = await readFile(join(modelDir, "contract.json")).catch(() => undefined);
    const contract = parseObject(logged ?? (await readFile(madeContractFile(modelDir))));
    if (!isObject(contract["request"])) return undefined;
    return readV2(Buffer.from(JSON.stringify(contract["request"])), model).inputs;
  } catch {
    return undefined;
  }
}

/** Two different rows where the model leaves their number open. */
function madeUp(model: Model): Tensor[] {
  return model.inputs.map(({ datatype, shape = [1] }) => {
    const sizes = shape.map((size, axis) => (size === -1 ? (axis === 0 ? 2 : 1) : size));
    const values = Array.from({ length: elements(sizes) }, (_, index) => madeUpValue(datatype, index));
    return tensorOf(datatype, sizes, values);
  });
}

function madeUpValue({ family }: Datatype, index: number): unknown {
  switch (family) {
    case "bytes":
      return index % 2 === 0 ? "" : "a";
    case "bool":
      return index % 2 === 1;
    case "int":
      return index % 2;
    case "float":
      return ((index * 7) % 11) / 11;
  }
}

function tensorOf(datatype: Datatype, shape: number[], values: readonly unknown[]): Tensor {
  const data = datatype.make(values.length);
  datatype.read(values, data, 0);
  return { datatype, shape, data, start: 0 };
}

function looksBatched({ inputs, outputs }: Model): boolean {
  const isOpen = ({ shape }: TensorPort): boolean => shape?.[0] === -1;
  return inputs.length > 0 && inputs.every(isOpen) && outputs.every(isOpen);
}

async function answersRowsApart(model: Model, example: readonly Tensor[]): Promise<boolean> {
  const rows = rowsOf(example);
  if (rows === 0) return false;
  const parts = rowsApart(example, Math.min(rows, MAX_TRIED));
  const [first = []] = parts;
  // Equal rows answer alike in any company.
  if (parts.every((part) => alike(part, first))) parts.push(...otherRows(model, first));
  if (parts.length < 2) return false;
  const joined = await model.run(joinRows(parts));
  if (!haveRows(joined, parts.length)) return false;
  for (const [row, part] of parts.entries()) {
    const alone = await model.run(part);
    if (!alike(rowsFrom(joined, row, 1), alone)) return false;
  }
  return true;
}

function otherRows(model: Model, example: readonly Tensor[]): Tensor[][] {
  return rowsApart(madeUp(model), 2).filter((row) => sameRowShape(example, row));
}

function alike(some: readonly Tensor[], others: readonly Tensor[]): boolean {
  return some.every((one, index) => {
    const other = others[index] as Tensor;
    const count = elements(one.shape);
    if (count !== elements(other.shape)) return false;
    for (let i = 0; i < count; i++) {
      const a = one.datatype.plain(one.data, one.start + i);
      const b = other.datatype.plain(other.data, other.start + i);
      if (!isClose(a, b, one.datatype.family === "float")) return false;
    }
    return true;
  });
}

function isClose(a: number | string, b: number | string, tolerant: boolean): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!tolerant || typeof a !== "number" || typeof b !== "number") return false;
  return Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b);
}
