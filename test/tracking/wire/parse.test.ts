import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf } from "../../../src/base/bytes.ts";
import { parseBody } from "../../../src/tracking/wire/parse.ts";

const parse = (text: string): unknown => parseBody(bytesOf(Buffer.from(text)));

describe("a body of MLflow's API", () => {
  it("is read as JSON", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (value) => {
        const text = JSON.stringify(value);
        // The long number beside it makes every string and number be walked over.
        const walked = `{"walked":[${text}],"long":12345678901234567}`;
        expect(parse(walked)).toEqual({
          walked: [JSON.parse(longAsText(text))],
          long: "12345678901234567",
        });
      }),
    );
  });

  it("keeps all digits of an int64, and leaves doubles and texts alone", () => {
    const text =
      '{"a":9223372036854775807,"b":-9223372036854775808,"c":0.1234567890123456,"d":1e22,"e":"\\\\\\"1234567890123456789"}';
    expect(parse(text)).toEqual({
      a: "9223372036854775807",
      b: "-9223372036854775808",
      c: 0.1234567890123456,
      d: 1e22,
      e: '\\"1234567890123456789',
    });
  });

  it("may hold a long text with many escapes beside a long number", () => {
    const profile = '\\"\n'.repeat(1_000_000);
    expect(parse(JSON.stringify({ profile, n: 1 }).replace('"n":1', '"n":12345678901234567'))).toEqual({
      profile,
      n: "12345678901234567",
    });
  });

  it.each(["{", '{"a": 1234567890123456', '{"a": "1234567890123456', '{"a": "\\', "1234567890123456\\"])(
    "is refused when it is %s",
    (text) => expect(() => parse(text)).toThrow("not valid JSON"),
  );

  it("may be encoded twice, as old clients do", () => {
    expect(parse(JSON.stringify('{"a": "b"}'))).toEqual({ a: "b" });
    expect(parse("null")).toEqual({});
  });
});

/** What JSON.stringify writes as a whole number of 16 digits and more comes out as text. */
function longAsText(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    typeof value === "number" && /^-?\d{16,}$/.test(JSON.stringify(value)) ? JSON.stringify(value) : value,
  );
}
