import { decodeBinary } from "../frames.ts";
import { MESSAGE_PREFIX } from "./message-prefix.ts";
import { writeParameters } from "./parameters.ts";
import { hasTypedContents, writeTypedContents } from "./typed-contents.ts";
import { WIRE } from "./wire/reader.ts";
import { WireWriter } from "./wire/writer.ts";

interface AnsweredOutput {
  name: string;
  datatype: string;
  shape: number[];
  parameters?: Record<string, unknown> & { binary_data_size?: number };
}

interface Answered {
  model_name: string;
  model_version?: string;
  id?: string;
  parameters?: Record<string, unknown>;
  outputs: AnsweredOutput[];
}

/**
 * A worker's v2Binary answer as a ModelInferResponse, behind room for a message's prefix; undefined when the worker
 * broke its word.
 */
export function writeInferResponse(body: Buffer, isTyped: boolean): Buffer | undefined {
  const parts = decodeBinary(body);
  if (parts === undefined) return undefined;
  const answer = JSON.parse(parts.json.toString("utf8")) as Answered;
  const tensors = cut(parts.raw, answer.outputs);
  if (tensors === undefined) return undefined;
  const typed = isTyped && answer.outputs.every(({ datatype }) => hasTypedContents(datatype));
  const writer = new WireWriter(MESSAGE_PREFIX, body.length + 64);
  writer.string(1, answer.model_name);
  if (answer.model_version !== undefined) writer.string(2, answer.model_version);
  if (answer.id !== undefined && answer.id !== "") writer.string(3, answer.id);
  writeParameters(writer, 4, answer.parameters);
  for (const [index, output] of answer.outputs.entries())
    writer.message(5, (inner) => {
      writeOutput(inner, output);
      if (typed)
        inner.message(5, (contents) =>
          writeTypedContents(contents, output.datatype, tensors[index] as Buffer),
        );
    });
  if (!typed) for (const tensor of tensors) writer.bytes(6, tensor);
  return writer.finish();
}

function writeOutput(writer: WireWriter, { name, datatype, shape, parameters }: AnsweredOutput): void {
  writer.string(1, name);
  writer.string(2, datatype);
  if (shape.length > 0) {
    writer.tag(3, WIRE.bytes);
    let bytes = 0;
    for (const size of shape) bytes += varintBytes(size);
    writer.varint(bytes);
    for (const size of shape) writer.int64(size);
  }
  writeParameters(writer, 4, parameters);
}

function varintBytes(size: number): number {
  let bytes = 1;
  for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}

function cut(raw: Buffer, outputs: readonly AnsweredOutput[]): Buffer[] | undefined {
  const tensors: Buffer[] = [];
  let at = 0;
  for (const { parameters } of outputs) {
    const end = at + (parameters?.binary_data_size ?? Number.NaN);
    if (!(end <= raw.length)) return undefined;
    tensors.push(raw.subarray(at, end));
    at = end;
  }
  return tensors;
}
