import { encodeBinary } from "../frames.ts";
import { ParameterText } from "./parameters.ts";
import { readTypedContents } from "./typed-contents.ts";
import { Malformed } from "./wire/malformed.ts";
import { WireReader } from "./wire/reader.ts";

/** A ModelInferRequest, turned into what a worker takes. */
export interface InferMessage {
  model: string;
  /** "" when the caller leaves it to the service. */
  version: string;
  /** The tensors came as typed contents; the answer's go the same way. */
  isTyped: boolean;
  /** A v2Binary frame's body, with binary outputs asked for. */
  body: Buffer;
}

/** Inputs or outputs; an empty one takes two bytes here, and a hundred as JSON. */
const MAX_TENSORS = 1_024;
const MAX_DIMENSIONS = 64;

/** Field numbers times eight, plus wire type, of ModelInferRequest and the tensors in it. */
const REQUEST = { model: 10, version: 18, id: 26, parameters: 34, inputs: 42, outputs: 50, raw: 58 } as const;
const INPUT = { name: 10, datatype: 18, shapePacked: 26, shape: 24, parameters: 34, contents: 42 } as const;
const OUTPUT = { name: 10, parameters: 18 } as const;

/** Reads a ModelInferRequest; throws Malformed. What the tensors hold is for the model's worker to check. */
export function readInferRequest(message: Buffer): InferMessage {
  const reader = new WireReader(message);
  const request = { model: "", version: "", id: "" };
  const parameters = new ParameterText();
  const inputs: Input[] = [];
  const outputs: string[] = [];
  const raw: Buffer[] = [];
  while (reader.hasMore) {
    const tag = reader.tag();
    if (inputs.length + outputs.length + raw.length > 3 * MAX_TENSORS) throw tooManyTensors();
    switch (tag) {
      case REQUEST.model:
        request.model = reader.string();
        break;
      case REQUEST.version:
        request.version = reader.string();
        break;
      case REQUEST.id:
        request.id = reader.string();
        break;
      case REQUEST.parameters:
        parameters.read(reader);
        break;
      case REQUEST.inputs:
        inputs.push(readInput(reader));
        break;
      case REQUEST.outputs:
        outputs.push(readOutput(reader));
        break;
      case REQUEST.raw:
        raw.push(reader.bytes());
        break;
      default:
        reader.skip(tag);
    }
  }
  if (inputs.length > MAX_TENSORS || outputs.length > MAX_TENSORS) throw tooManyTensors();
  const isTyped = raw.length === 0 && inputs.length > 0;
  const tensors = isTyped ? inputs.map((input) => typedData(message, input)) : rawData(inputs, raw);
  parameters.add("binary_data_output", "true");
  const head = request.id === "" ? "{" : `{"id":${JSON.stringify(request.id)},`;
  const texts = inputs.map((input, index) => inputText(input, tensors[index]?.length ?? 0)).join(",");
  const wanted = outputs.length === 0 ? "" : `,"outputs":[${outputs.join(",")}]`;
  const json = `${head}"parameters":{${parameters.text}},"inputs":[${texts}]${wanted}}`;
  return { model: request.model, version: request.version, isTyped, body: encodeBinary(json, tensors) };
}

interface Input {
  name: string;
  datatype: string;
  shape: number[];
  parameters: string;
  /** Where its typed contents are in the message. */
  contents: readonly [start: number, end: number] | undefined;
}

function readInput(reader: WireReader): Input {
  const outer = reader.enter();
  const input: Input = { name: "", datatype: "", shape: [], parameters: "", contents: undefined };
  let parameters: ParameterText | undefined;
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case INPUT.name:
        input.name = reader.string();
        break;
      case INPUT.datatype:
        input.datatype = reader.string();
        break;
      case INPUT.shape:
        addSize(input.shape, reader);
        break;
      case INPUT.shapePacked: {
        const end = reader.enter();
        while (reader.hasMore) addSize(input.shape, reader);
        reader.leave(end);
        break;
      }
      case INPUT.parameters:
        (parameters ??= new ParameterText()).read(reader);
        break;
      case INPUT.contents: {
        if (input.contents !== undefined)
          throw new Malformed(`input ${JSON.stringify(input.name)}: its contents are given twice`);
        const length = reader.length();
        input.contents = [reader.position, reader.position + length];
        reader.position += length;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  if (parameters !== undefined) input.parameters = `${parameters.text},`;
  return input;
}

function addSize(shape: number[], reader: WireReader): void {
  if (shape.push(reader.int64()) > MAX_DIMENSIONS)
    throw new Malformed(`a shape has more than ${MAX_DIMENSIONS} dimensions`);
}

/** What is asked of one output, as JSON. */
function readOutput(reader: WireReader): string {
  const outer = reader.enter();
  const parameters = new ParameterText();
  let name = "";
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag === OUTPUT.name) name = reader.string();
    else if (tag === OUTPUT.parameters) parameters.read(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  parameters.add("binary_data", "true");
  return `{"name":${JSON.stringify(name)},"parameters":{${parameters.text}}}`;
}

function inputText({ name, datatype, shape, parameters }: Input, bytes: number): string {
  return `{"name":${JSON.stringify(name)},"datatype":${JSON.stringify(datatype)},"shape":[${shape.join(",")}],"parameters":{${parameters}"binary_data_size":${bytes}}}`;
}

function typedData(message: Buffer, { name, datatype, shape, contents }: Input): Buffer {
  if (contents === undefined)
    throw new Malformed(
      `input ${JSON.stringify(name)} has no data: neither contents nor raw_input_contents are given`,
    );
  let elements = 1;
  for (const size of shape) elements *= size;
  if (shape.some((size) => size < 0))
    throw new Malformed(`input ${JSON.stringify(name)}: its shape has a negative size`);
  return readTypedContents(new WireReader(message, ...contents), { name, datatype, elements });
}

function rawData(inputs: readonly Input[], raw: Buffer[]): Buffer[] {
  const typed = inputs.find((input) => input.contents !== undefined);
  if (typed !== undefined)
    throw new Malformed(
      `input ${JSON.stringify(typed.name)} has typed contents beside raw_input_contents; all inputs come in one of both`,
    );
  if (raw.length !== inputs.length)
    throw new Malformed(
      `raw_input_contents has ${raw.length} tensors for ${inputs.length} inputs; each input needs one`,
    );
  return raw;
}

function tooManyTensors(): Malformed {
  return new Malformed(`more than ${MAX_TENSORS} tensors are given`);
}
