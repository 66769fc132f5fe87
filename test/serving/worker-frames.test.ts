import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FrameReader,
  decodeAnswer,
  decodeBinary,
  decodeInvocation,
  encodeAnswers,
  encodeBinary,
  invocationPrefix,
} from "../../src/serving/frames.ts";

const answers = fc.array(
  fc.record({
    id: fc.nat(0xffffffff),
    status: fc.integer({ min: 100, max: 599 }),
    prediction: fc.string({ unit: "grapheme", maxLength: 20 }),
    isBinary: fc.boolean(),
    body: fc.string({ unit: "grapheme", maxLength: 200 }),
    timing: fc.record({
      queuedMicros: fc.nat(0xffffffff),
      computeMicros: fc.nat(0xffffffff),
      batch: fc.nat(0x7fff),
      isFirst: fc.boolean(),
    }),
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
        expect(got).toEqual(sent.map(({ timing, ...rest }) => ({ ...rest, ...timing })));
      }),
    );
  });
});

describe("bodies of frames", () => {
  it("carry JSON and raw tensors", () => {
    const body = encodeBinary('{"a":"é"}', [Buffer.from([1, 2]), Buffer.from([3])]);
    const parts = decodeBinary(body);
    expect(parts?.json.toString()).toBe('{"a":"é"}');
    expect([...(parts?.raw ?? [])]).toEqual([1, 2, 3]);
    expect(decodeBinary(body.subarray(0, 6))).toBeUndefined();
    expect(decodeBinary(body.subarray(0, 3))).toBeUndefined();
  });

  it("carry a media type and a caller's bytes", () => {
    const body = Buffer.concat([invocationPrefix("text/csv"), Buffer.from("a,b")] as unknown as Uint8Array[]);
    expect(decodeInvocation(body)).toEqual({ mediaType: "text/csv", bytes: Buffer.from("a,b") });
    expect(decodeInvocation(Buffer.from([9, 1]))).toBeUndefined();
    expect(decodeInvocation(Buffer.alloc(0))).toBeUndefined();
  });

  it("may be bytes in an answer", () => {
    const [frame] = new FrameReader(100).push(
      encodeAnswers([
        {
          id: 7,
          status: 200,
          prediction: "[1]",
          isBinary: true,
          body: Buffer.from([0, 255]),
          // A day and a batch without end: as much as there is room for.
          timing: { queuedMicros: 86_400e6, computeMicros: 5, batch: 1e6, isFirst: true },
        },
      ]),
    );
    expect(decodeAnswer(frame as Buffer)).toEqual({
      id: 7,
      status: 200,
      prediction: "[1]",
      isBinary: true,
      queuedMicros: 0xffffffff,
      computeMicros: 5,
      batch: 0x7fff,
      isFirst: true,
      body: Buffer.from([0, 255]),
    });
  });
});
