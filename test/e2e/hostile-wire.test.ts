import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { INFER, PREDICTION, SUM, SUMMANDS as BODY, startAdder, type AdderPlatform } from "./adder.ts";
import { request, wire } from "./wire.ts";

const LIVE = "GET /v2/health/live HTTP/1.1";
const VERSION = "GET /version HTTP/1.1";
const CREATE = "POST /api/2.0/mlflow/runs/create HTTP/1.1";
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const each = (text: string): string[] => [...text];

describe("bytes that come over the network", () => {
  let platform: AdderPlatform;
  let url: string;
  beforeAll(async () => {
    platform = await startAdder("wire");
    ({ url } = platform);
  });
  // After all of it the platform still serves, and none of its logs tells of a defect.
  afterAll(() => platform.checkAndStop());

  describe("requests in odd pieces", () => {
    test.each([
      ["a prediction, a byte at a time", each(PREDICTION), [200]],
      ["a call of control, a byte at a time", each(request(VERSION)), [200]],
      [
        "a chunked prediction",
        [
          request(INFER, { "transfer-encoding": "chunked" }),
          ...each(BODY).map((c) => `1\r\n${c}\r\n`),
          "0\r\n\r\n",
        ],
        [200],
      ],
      [
        "a prediction that waits for 100-continue",
        [request(INFER, { expect: "100-continue", "content-length": String(BODY.length) }), BODY],
        [200],
      ],
      ["predictions in one packet", [PREDICTION.repeat(5)], [200, 200, 200, 200, 200]],
      [
        "predictions, then control, then predictions",
        [PREDICTION + request(VERSION) + PREDICTION],
        [200, 200, 200],
      ],
      [
        "control, then predictions, then control",
        [request(VERSION) + PREDICTION + request(VERSION)],
        [200, 200, 200],
      ],
      ["the same, a byte at a time", each(request(VERSION) + PREDICTION + request(VERSION)), [200, 200, 200]],
      [
        "a write, then a prediction, then a write",
        [request(CREATE, {}, "{}"), PREDICTION, request(CREATE, {}, "{}")],
        [200, 200, 200],
      ],
      ["empty lines before the request", [`\r\n\r\n${PREDICTION}`], [200]],
      ["HTTP/1.0", [request("POST /v2/models/adder/infer HTTP/1.0", {}, BODY)], [200]],
      ["HTTP/1.0 to control", [request("GET /version HTTP/1.0")], [200]],
      [
        "an upgrade that isn't offered",
        [request(LIVE, { connection: "upgrade", upgrade: "websocket" })],
        [200],
      ],
      [
        "an address with scheme and host",
        [request("POST http://127.0.0.1/v2/models/adder/infer HTTP/1.1", {}, BODY)],
        [200],
      ],
      [
        "such an address behind a call of control",
        [request(VERSION), request("GET http://127.0.0.1/v2/health/live HTTP/1.1")],
        [200, 200],
      ],
      [
        "such an address of control behind a prediction",
        [PREDICTION, request("GET http://127.0.0.1/version HTTP/1.1")],
        [200, 200],
      ],
    ] as [string, string[], number[]][])("%s", async (_name, parts, statuses) => {
      const heard = await wire(url, parts, { answers: statuses.length });
      expect(heard.statuses).toEqual(statuses);
    });

    test("mixed requests are answered each by its own answer, in order", async () => {
      const parts = [PREDICTION, request(VERSION), request("GET /v2/models/none HTTP/1.1"), PREDICTION];
      for (const sent of [parts, [parts.join("")]]) {
        const { text } = await wire(url, sent, { answers: 4 });
        const bodies = text.split(/HTTP\/1\.1 \d+/).slice(1);
        expect(bodies).toHaveLength(4);
        expect(bodies[0]).toContain(SUM);
        expect(bodies[1]).toMatch(/\d+\.\d+\.\d+$/);
        expect(bodies[2]).toContain("none");
        expect(bodies[3]).toContain(SUM);
      }
    });
  });

  describe("addresses that belong to neither side are answered, not handed round", () => {
    test.each([
      "/v1/nothing",
      "/v1/",
      "/v1",
      "/%76%32/health/live",
      "/%76%31/models",
      "/v1/modelsx",
      "//v2/x",
    ])("%s", async (path) => {
      for (const before of [[], [request(LIVE)], [request(VERSION)]]) {
        const heard = await wire(url, [...before, request(`GET ${path} HTTP/1.1`)], {
          answers: before.length + 1,
        });
        expect(heard.statuses.at(-1)).toBe(404);
        expect(heard.text).toContain("NOT_FOUND");
      }
    });
  });

  describe("what isn't a request gets 400 with a code and a hint, and the connection ends", () => {
    const both = { "content-length": "4", "transfer-encoding": "chunked" };
    const smuggled = "0\r\n\r\nGET /version HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    const cases: [string, string | Uint8Array][] = [
      ["a length and chunks", request(INFER, both, smuggled)],
      ["a length and chunks, to control", request(CREATE, both, smuggled)],
      [
        "chunks within another encoding",
        request(INFER, { "transfer-encoding": "chunked, identity" }, smuggled),
      ],
      ["an unknown transfer encoding", request(INFER, { "transfer-encoding": "xchunked" }, smuggled)],
      ["two lengths", `${INFER}\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabcde`],
      ["a negative length", request(INFER, { "content-length": "-1" }, "x")],
      ["a length in hex, to control", request(CREATE, { "content-length": "0x2" }, "{}")],
      ["a space before the colon", `${VERSION}\r\nhost : 127.0.0.1\r\n\r\n`],
      ["a bare line feed", `${LIVE}\nhost: 127.0.0.1\n\n`],
      ["an unknown method", request("FOO /v2/health/live HTTP/1.1")],
      [
        "bytes that no address has",
        new Uint8Array([...Buffer.from("GET /v2/"), 255, 1, ...Buffer.from(" HTTP/1.1\r\n\r\n")]),
      ],
      ["TLS", bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 10, 13, 10, 1, 2, 3)],
    ];
    test.each(cases)("%s", async (_name, part) => {
      const heard = await wire(url, [part], { answers: 2 });
      expect(heard.statuses).toEqual([400]);
      expect(heard.closed).toBe(true);
      expect(heard.text).toContain('"code":"HTTP_MALFORMED"');
      expect(heard.text).toContain('"hint":');
    });

    test.each([
      ["long headers", request(INFER, { x: "y".repeat(40_000) }, BODY)],
      ["long headers to control", request(VERSION, { x: "y".repeat(40_000) })],
      ["a long line", `GET /v2/${"a".repeat(20_000)} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`],
    ])("%s: 431", async (_name, part) => {
      const heard = await wire(url, [part], { answers: 2 });
      expect(heard.statuses).toEqual([431]);
      expect(heard.text).toContain('"code":"HTTP_HEAD_TOO_LARGE"');
    });

    test("a body that stops in the middle changes nothing and holds nothing", async () => {
      const runs = async () =>
        (
          await (
            await fetch(`${url}/api/2.0/mlflow/runs/search`, {
              method: "POST",
              body: '{"experiment_ids":["0"]}',
            })
          ).text()
        ).length;
      const before = await runs();
      for (const line of [INFER, CREATE]) {
        const heard = await wire(url, [request(line, { "content-length": "500" }, "{")], {
          end: true,
          answers: 2,
        });
        expect(heard.closed).toBe(true);
        expect(heard.statuses.every((status) => status >= 400)).toBe(true);
      }
      expect(await runs()).toBe(before);
    });

    test("a connection without a byte ends when its caller ends it", async () => {
      expect(await wire(url, [], { end: true })).toMatchObject({ text: "", closed: true });
    });

    test("callers that never finish their first line don't keep others waiting", async () => {
      const slow = Array.from({ length: 50 }, (_, i) => {
        const socket = connect(Number(new URL(url).port), "127.0.0.1");
        socket.on("error", () => undefined);
        socket.write(i % 2 === 0 ? "POST /v2/models/ad" : "GET /ver");
        return socket;
      });
      expect((await wire(url, [PREDICTION])).text).toContain(SUM);
      expect((await wire(url, [request(VERSION)])).statuses).toEqual([200]);
      for (const socket of slow) socket.destroy();
    });
  });
});
