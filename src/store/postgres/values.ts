import { types as builtIn } from "pg";
import { SlipwayError } from "../../http/errors.ts";
import type { SqlValue } from "../database.ts";

/** What goes over the wire as a parameter: text, bytes or NULL. */
export type WireValue = string | Buffer | null;

/** Parameters in PostgreSQL's text form. INVALID_REQUEST for what PostgreSQL can't store at all. */
export function toWire(params: readonly SqlValue[]): WireValue[] {
  return params.map((value) => {
    switch (typeof value) {
      case "string":
        if (value.includes("\0"))
          throw new SlipwayError("INVALID_REQUEST", "text may not contain the character NUL");
        return value;
      case "number":
        // Stored as NULL in one database and as a value above all others in the other: whoever has one must decide.
        if (Number.isNaN(value)) throw new TypeError("NaN can't be an SQL value");
        return String(value);
      case "bigint":
        return String(value);
      case "object":
        if (value === null) return null;
        return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      default:
        throw new TypeError(`${typeof value} can't be an SQL value`);
    }
  });
}

type Parser = (text: string) => unknown;

/** Type OIDs of PostgreSQL's catalogue (pg_type.dat); whatever isn't named here stays text. */
const PARSERS: Readonly<Record<number, Parser>> = {
  16: (text) => (text === "t" ? 1 : 0),
  17: builtIn.getTypeParser(17) as Parser,
  20: integer,
  21: Number,
  23: Number,
  700: Number,
  701: Number,
  // What SUM makes of int8 values.
  1700: (text) => (/^-?\d+$/.test(text) ? integer(text) : Number(text)),
};

/** SqlValues out of PostgreSQL's text form: integers as numbers, bigint only beyond 2^53; truth as 1 and 0. */
export const types = {
  getTypeParser: (oid: number): Parser => PARSERS[oid] ?? ((text) => text),
};

function integer(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
