import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSseParser, type SseEvent } from "../../console/live/sse.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parsed = (chunks: readonly Uint8Array[]): SseEvent[] => chunks.flatMap(createSseParser());
const parse = (text: string) => parsed([bytes(text)]);

/** The same bytes in other pieces. */
function cut(whole: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (whole.length + 1)), whole.length].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => whole.slice(places[index], end));
}

describe("a stream's messages", () => {
  it.each<[string, SseEvent[]]>([
    ["event: evidence\ndata: {}\n\n", [{ event: "evidence", data: "{}" }]],
    ["data: a\ndata: b\n\n", [{ event: "message", data: "a\nb" }]],
    [
      "data:a\n\ndata: b\n\n",
      [
        { event: "message", data: "a" },
        { event: "message", data: "b" },
      ],
    ],
    ["data:  two spaces\n\n", [{ event: "message", data: " two spaces" }]],
    ["data\n\n", [{ event: "message", data: "" }]],
    [": still here\n\n", []],
    ["retry: 2000\n\n", []],
    ["event: lonely\n\ndata: x\n\n", [{ event: "message", data: "x" }]],
    ["id: 7\ndata: a:b\n\n", [{ event: "message", data: "a:b" }]],
    ["data: not ended\n", []],
    ["\uFEFFdata: x\r\n\r\n", [{ event: "message", data: "x" }]],
    [
      "data: x\r\rdata: y\r\r",
      [
        { event: "message", data: "x" },
        { event: "message", data: "y" },
      ],
    ],
  ])("%j", (text, expected) => expect(parse(text)).toEqual(expected));

  it("are the same however the bytes were cut", () => {
    const line = fc
      .string({ unit: "binary", maxLength: 12 })
      .map((text) => text.replace(/[\r\n\uFEFF]/g, "é"));
    const message = fc.record({
      event: fc.constantFrom("evidence", "message", "other"),
      lines: fc.array(line, { minLength: 1, maxLength: 3 }),
      comment: fc.boolean(),
    });
    const places = fc.array(fc.nat(1000), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        fc.constantFrom("\n", "\r\n", "\r"),
        places,
        (sent, end, at) => {
          const text = sent
            .map(({ event, lines, comment }) =>
              [
                ...(comment ? [": alive", ""] : []),
                `event: ${event}`,
                ...lines.map((each) => `data: ${each}`),
                "",
                "",
              ].join(end),
            )
            .join("");
          const expected = sent.map(({ event, lines }) => ({ event, data: lines.join("\n") }));
          expect(parsed(cut(bytes(text), at))).toEqual(expected);
        },
      ),
    );
  });

  it("that never end are given up", () => {
    const parser = createSseParser();
    const chunk = bytes("data: ".padEnd(1024 * 1024, "x"));
    expect(() => {
      for (let index = 0; index < 10; index++) parser(chunk);
    }).toThrow("too long");
  });
});
