import { Malformed } from "./wire/malformed.ts";
import { WIRE } from "./wire/reader.ts";
import type { WireReader } from "./wire/reader.ts";
import type { WireWriter } from "./wire/writer.ts";

/** Of one message or tensor; each costs far more as JSON than on the wire. */
const MAX_PARAMETERS = 256;

/** `"name":value` pairs of a JSON object, as they are read one by one from a map<string, InferParameter>. */
export class ParameterText {
  #count = 0;
  text = "";

  /** Reads one entry of the map. Throws Malformed. */
  read(reader: WireReader): void {
    if ((this.#count += 1) > MAX_PARAMETERS)
      throw new Malformed(`more than ${MAX_PARAMETERS} parameters are given`);
    const outer = reader.enter();
    let key = "";
    let value = "null";
    while (reader.hasMore) {
      const tag = reader.tag();
      if (tag === 8 + WIRE.bytes) key = reader.string();
      else if (tag === 16 + WIRE.bytes) value = readValue(reader);
      else reader.skip(tag);
    }
    reader.leave(outer);
    this.add(key, value);
  }

  add(key: string, json: string): void {
    this.text += `${this.text === "" ? "" : ","}${JSON.stringify(key)}:${json}`;
  }
}

/** An InferParameter as JSON; the last of several members of its `oneof` counts, as protobuf says. */
function readValue(reader: WireReader): string {
  const outer = reader.enter();
  let value = "null";
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case 8 + WIRE.varint:
        value = String(reader.bool());
        break;
      case 16 + WIRE.varint:
        value = String(reader.int64());
        break;
      case 24 + WIRE.bytes:
        value = JSON.stringify(reader.string());
        break;
      case 32 + WIRE.fixed64:
        value = JSON.stringify(reader.double());
        break;
      case 40 + WIRE.varint: {
        const low = reader.varint();
        value = String(reader.high * 2 ** 32 + low);
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return value;
}

/** Writes a JSON object's members as entries of the map in `field`; what an InferParameter can't hold is left out. */
export function writeParameters(
  writer: WireWriter,
  field: number,
  parameters: Readonly<Record<string, unknown>> | undefined,
): void {
  for (const [key, value] of Object.entries(parameters ?? {})) {
    // Raw contents need no sizes: protobuf says how long they are.
    if (key === "binary_data_size" || !isParameter(value)) continue;
    writer.message(field, (entry) => {
      entry.string(1, key);
      entry.message(2, (parameter) => writeValue(parameter, value));
    });
  }
}

function isParameter(value: unknown): value is boolean | number | string {
  return typeof value === "boolean" || typeof value === "number" || typeof value === "string";
}

function writeValue(writer: WireWriter, value: boolean | number | string): void {
  if (typeof value === "boolean") writer.bool(1, value);
  else if (typeof value === "string") writer.string(3, value);
  else if (Number.isSafeInteger(value)) writer.integer(2, value);
  else writer.double(4, value);
}
