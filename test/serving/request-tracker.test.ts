import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestTracker } from "../../src/serving/front/request-tracker.ts";
import { sniff } from "../../src/serving/front/sniff.ts";

const PREDICTION = "POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
const bytes = (text: string) => Buffer.from(text, "latin1");

describe("sniff", () => {
  it.each([
    ["POST /v2/models/m/infer HTTP/1.1\r\n", "predictions"],
    ["GET /v2 HTTP/1.1\r\n", "predictions"],
    ["GET /v2?x HTTP/1.1\r\n", "predictions"],
    ["POST /v1/models/m:predict HTTP/1.1\r\n", "predictions"],
    ["POST /v1/traces HTTP/1.1\r\n", "control"],
    ["GET /v2x HTTP/1.1\r\n", "control"],
    ["GET / HTTP/1.1\r\n", "control"],
    ["nonsense\n", "control"],
    ["POST /v2/mod", undefined],
    [`GET /${"x".repeat(9_000)}`, "control"],
  ] as const)("%s", (start, goal) => {
    expect(sniff(bytes(start))).toBe(goal);
  });
});

describe("RequestTracker", () => {
  it("finds a prediction behind answered requests, however their bytes are cut", () => {
    const request = fc.record({
      path: fc.constantFrom("/api/x", "/git/p.git/info/refs", "/"),
      // Bodies that look like requests must not be taken for some.
      body: fc.constantFrom("", PREDICTION, `${PREDICTION}${PREDICTION}`, "x".repeat(100)),
    });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat(40)),
        (requests, cuts) => {
          const tracker = new RequestTracker();
          const cut = cuts[Symbol.iterator]();
          for (const { path, body } of requests) {
            const text = `PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
            for (let start = 0; start < text.length;) {
              const end = start + 1 + Number(cut.next().value);
              expect(tracker.feed(bytes(text.slice(start, end)))).toBe(false);
              start = end;
            }
            tracker.answered();
          }
          expect(tracker.feed(bytes(PREDICTION))).toBe(true);
        },
      ),
    );
  });

  it("leaves a prediction to control that comes before the answer to the request before it", () => {
    const tracker = new RequestTracker();
    tracker.feed(bytes("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    expect(tracker.feed(bytes(PREDICTION))).toBe(false);
  });

  it("leaves connections with chunked bodies to control", () => {
    const tracker = new RequestTracker();
    tracker.feed(bytes("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
    tracker.answered();
    expect(tracker.feed(bytes(PREDICTION))).toBe(false);
  });
});
