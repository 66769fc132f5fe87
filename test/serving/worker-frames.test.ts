import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameReader, decodeAnswer, encodeAnswers } from "../../src/serving/frames.ts";

const answers = fc.array(
  fc.record({
    id: fc.nat(0xffffffff),
    status: fc.integer({ min: 100, max: 599 }),
    prediction: fc.string({ unit: "grapheme", maxLength: 20 }),
    body: fc.string({ unit: "grapheme", maxLength: 200 }),
  }),
  { maxLength: 6 },
);

describe("answer frames", () => {
  it("arrive as they left, however the stream is cut", () => {
    fc.assert(
      fc.property(answers, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
        const stream = encodeAnswers(sent);
        const reader = new FrameReader(10_000);
        const got: unknown[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const next = at + (cuts[cut % cuts.length] ?? 1);
          for (const frame of reader.push(stream.subarray(at, next))) {
            const { body, ...rest } = decodeAnswer(frame);
            got.push({ ...rest, body: body.toString("utf8") });
          }
          at = next;
        }
        expect(got).toEqual(sent);
      }),
    );
  });
});
