import { Malformed } from "./malformed.ts";
import { WIRE, WireReader } from "./reader.ts";
import { WireWriter } from "./writer.ts";

/** The scalar types that our small messages have, by protobuf's names. */
export type Scalar = "bool" | "int32" | "int64" | "string" | "bytes";

/** One field: its number, and what is in it; in an array: repeated. */
export type FieldType = Scalar | MessageType;
export type Field =
  | readonly [number: number, type: FieldType]
  | readonly [number: number, type: readonly [FieldType]];

/** A message as a table, for those that are small and seldom; ModelInfer's have code of their own. */
export interface MessageType {
  readonly name: string;
  readonly fields: Readonly<Record<string, Field>>;
}

type Value = boolean | number | string | Buffer | Message | readonly (string | number | Message)[];

/** Fields by name; what is missing has its type's default. */
export interface Message {
  readonly [field: string]: Value | undefined;
}

/** Reads a message; unknown fields are gone over. Throws Malformed. */
export function decode(type: MessageType, bytes: Buffer): Message {
  return decodeFrom(type, new WireReader(bytes));
}

function decodeFrom(type: MessageType, reader: WireReader): Message {
  const byNumber = new Map(Object.entries(type.fields).map(([name, field]) => [field[0], { name, field }]));
  const message: Record<string, Value> = {};
  while (reader.hasMore) {
    const tag = reader.tag();
    const found = byNumber.get(tag >>> 3);
    if (found === undefined) {
      reader.skip(tag);
      continue;
    }
    const [, inside] = found.field;
    const single = isRepeated(inside) ? inside[0] : inside;
    if ((tag & 7) !== wireOf(single)) throw new Malformed(`field ${found.name} isn't ${nameOf(single)}`);
    const value = decodeValue(single, reader);
    if (!isRepeated(inside)) message[found.name] = value;
    else ((message[found.name] ??= []) as Value[]).push(value);
  }
  return message;
}

function decodeValue(type: FieldType, reader: WireReader): Value {
  if (type === "bool") return reader.bool();
  if (type === "int32" || type === "int64") return reader.int64();
  if (type === "string") return reader.string();
  if (type === "bytes") return reader.bytes();
  const outer = reader.enter();
  const message = decodeFrom(type, reader);
  reader.leave(outer);
  return message;
}

/**
 * Writes a message; defaults are left out.
 * @param reserved bytes left free before it
 */
export function encode(type: MessageType, message: Message, reserved = 0): Buffer {
  const writer = new WireWriter(reserved);
  encodeInto(type, message, writer);
  return writer.finish();
}

function encodeInto(type: MessageType, message: Message, writer: WireWriter): void {
  for (const [name, [number, inside]] of Object.entries(type.fields)) {
    const value = message[name];
    if (value === undefined) continue;
    if (!isRepeated(inside)) encodeValue(number, inside, value, writer, false);
    else for (const one of value as readonly Value[]) encodeValue(number, inside[0], one, writer, true);
  }
}

function encodeValue(
  number: number,
  type: FieldType,
  value: Value,
  writer: WireWriter,
  keepsDefault: boolean,
): void {
  const isDefault = value === false || value === 0 || value === "";
  if (isDefault && !keepsDefault) return;
  if (type === "bool") writer.bool(number, value as boolean);
  else if (type === "int32" || type === "int64") writer.integer(number, value as number);
  else if (type === "string") writer.string(number, value as string);
  else if (type === "bytes") writer.bytes(number, value as Buffer);
  else writer.message(number, (inner) => encodeInto(type, value as Message, inner));
}

function isRepeated(type: FieldType | readonly [FieldType]): type is readonly [FieldType] {
  return Array.isArray(type);
}

function wireOf(type: FieldType): number {
  return type === "bool" || type === "int32" || type === "int64" ? WIRE.varint : WIRE.bytes;
}

function nameOf(type: FieldType): string {
  return typeof type === "string" ? type : type.name;
}
