import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sniff } from "../../src/serving/front/sniff.ts";
import { groupSpans } from "../../src/tracking/traces/group-spans.ts";
import { jsonText, plain, type AnyValue } from "../../src/tracking/traces/otlp/any-value.ts";
import { decodeJson } from "../../src/tracking/traces/otlp/json.ts";
import { decodeProtobuf } from "../../src/tracking/traces/otlp/protobuf.ts";
import { OtlpError } from "../../src/tracking/traces/otlp/request.ts";
import { like, matcher } from "../../src/tracking/traces/search/matcher.ts";
import { sumOverTree } from "../../src/tracking/traces/usage.ts";
import { normalisedPmi } from "../../src/tracking/traces/correlation.ts";
import { bytes, encodeRequest, encodeValue, type TestSpan, type TestValue } from "./otlp-encode.ts";

const traceId = Buffer.from("0123456789abcdef0123456789abcdef", "hex");
const spanId = Buffer.from("0123456789abcdef", "hex");
const one = (attributes: Record<string, TestValue>): TestSpan => ({ traceId, spanId, attributes });

function decoded(body: Buffer): ReturnType<typeof decodeProtobuf> {
  return decodeProtobuf(new Uint8Array(body));
}

function firstValue(value: TestValue): AnyValue | undefined {
  return decoded(encodeRequest([one({ value })]))[0]?.spans[0]?.attributes[0]?.value;
}

/** Values as the tests encode them. */
const values = fc.letrec<{ value: TestValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "grapheme" }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** What Python would write. */
function expectedText(value: TestValue): string {
  if (value === null) return "null";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return String(value);
    const text = Object.is(value, -0) ? "-0" : String(value);
    return /^-?\d+$/.test(text) ? `${text}.0` : text;
  }
  if (Array.isArray(value)) return `[${value.map(expectedText).join(", ")}]`;
  if (typeof value === "object" && !Buffer.isBuffer(value)) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${expectedText(item)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

describe("OTLP's protobuf", () => {
  it("keeps every value, its type and the order of keys", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(jsonText(firstValue(value) ?? {})).toBe(expectedText(value));
      }),
      { numRuns: 150 },
    );
  });

  it("answers any bytes with spans or with a refusal, and ends", () => {
    const request = encodeRequest([one({ a: ["x", { b: 1n }], c: 2.5 })], { "service.name": "s" });
    const damaged = fc
      .array(fc.tuple(fc.nat(request.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const copy = Buffer.from(request as unknown as Uint8Array);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const any = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(fc.oneof(damaged, any), (body) => {
        try {
          groupSpans(decoded(body));
        } catch (error) {
          expect(error).toBeInstanceOf(OtlpError);
        }
      }),
      { numRuns: 600 },
    );
  });

  it("refuses values that lie too deep before it runs out of stack", () => {
    let value = encodeValue("x");
    for (let depth = 0; depth < 500; depth++) value = bytes(5, bytes(1, value));
    const attribute = bytes(9, bytes(2, value));
    const span = bytes(
      2,
      Buffer.concat([bytes(1, traceId), bytes(2, spanId), attribute] as unknown as Uint8Array[]),
    );
    expect(() => decoded(bytes(1, bytes(2, span)))).toThrow(/more than 40 deep/);
  });

  it.each([
    ["no trace id", { traceId: Buffer.alloc(0), spanId }],
    ["a trace id of zeros", { traceId: Buffer.alloc(16), spanId }],
    ["a long trace id", { traceId: Buffer.alloc(17, 1), spanId }],
    ["a huge trace id", { traceId: Buffer.alloc(100_000, 1), spanId }],
    ["a long span id", { traceId, spanId: Buffer.alloc(9, 1) }],
    ["a time beyond 64 bits with a sign", { traceId, spanId, endNs: 2n ** 63n }],
  ])("refuses a span with %s", (_, span) => {
    expect(() => decoded(encodeRequest([span]))).toThrow(OtlpError);
  });

  it.each([
    ["text", "this is not valid protobuf data at all"],
    ["a length beyond the end", "\x0a\x7f"],
    ["a number without an end", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"],
    ["field number 0", "\x02\x00"],
    ["a group", "\x0b\x0c"],
  ])("refuses %s", (_, text) => {
    expect(() => decoded(Buffer.from(text, "latin1"))).toThrow(OtlpError);
  });
});

describe("OTLP's JSON", () => {
  it("means the same as the protobuf", () => {
    const body = {
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "s" } }] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId: traceId.toString("hex").toUpperCase(),
                  spanId: spanId.toString("hex"),
                  name: "span",
                  startTimeUnixNano: "1700000000000000001",
                  endTimeUnixNano: "1700000001000000002",
                  attributes: [
                    { key: "text", value: { stringValue: "ä" } },
                    { key: "whole", value: { doubleValue: 2 } },
                    { key: "big", value: { intValue: "1152921504606846976" } },
                    { key: "list", value: { arrayValue: { values: [{ boolValue: true }, {}] } } },
                    {
                      key: "map",
                      value: { kvlistValue: { values: [{ key: "k", value: { doubleValue: "NaN" } }] } },
                    },
                  ],
                  status: { code: 2 },
                },
              ],
            },
          ],
        },
      ],
    };
    const span: TestSpan = {
      ...one({ text: "ä", whole: 2, big: 2n ** 60n, list: [true, null], map: { k: Number.NaN } }),
      status: 2,
    };
    const json = decodeJson(new TextEncoder().encode(JSON.stringify(body)));
    expect(groupSpans(json)).toEqual(groupSpans(decoded(encodeRequest([span], { "service.name": "s" }))));
  });

  it.each([
    "[]",
    "{",
    '{"resourceSpans": 1}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"../x"}]}]}]}',
  ])("refuses %s", (text) => expect(() => decodeJson(new TextEncoder().encode(text))).toThrow(OtlpError));
});

describe("spans of other instrumentations", () => {
  it.each([
    [
      { "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3n, "gen_ai.usage.output_tokens": 4n },
      "CHAT_MODEL",
    ],
    [
      { "openinference.span.kind": "LLM", "llm.token_count.prompt": 3n, "llm.token_count.completion": 4n },
      "LLM",
    ],
    [
      {
        "traceloop.span.kind": "task",
        "gen_ai.usage.prompt_tokens": 3n,
        "gen_ai.usage.completion_tokens": "4",
      },
      "TASK",
    ],
  ])("count tokens as MLflow's do: %o", (attributes, type) => {
    const row = groupSpans(decoded(encodeRequest([one(attributes)]))).traces[0]?.spans[0];
    expect(row?.type).toBe(type);
    expect(JSON.parse(row?.usage ?? "{}")).toEqual({ input_tokens: 3, output_tokens: 4, total_tokens: 7 });
  });

  it("never name their trace, nor set tags that mean something to MLflow", () => {
    const attributes = {
      "mlflow.traceRequestId": '"tr-other"',
      "mlflow.traceTag.mlflow.trace.spansLocation": "x",
    };
    const request = encodeRequest([one(attributes)], {
      "mlflow.x": "1",
      "telemetry.sdk.name": "o",
      "host.name": "h",
    });
    const trace = groupSpans(decoded(request)).traces[0];
    expect(trace?.tags).toEqual([["host.name", "h"]]);
    const content = JSON.parse(trace?.spans[0]?.content ?? "") as {
      attributes: { key: string; value: AnyValue }[];
    };
    const id = content.attributes.find(({ key }) => key === "mlflow.traceRequestId");
    expect(plain(id?.value)).toBe(`tr-${traceId.toString("hex")}`);
  });
});

describe("sums over a trace", () => {
  it("let a parent that says something speak for what is below it", () => {
    const nodes = [
      { spanId: "a", parentId: null, counts: null },
      { spanId: "b", parentId: "a", counts: { n: 5, extra: 1 } },
      { spanId: "c", parentId: "b", counts: { n: 5 } },
      { spanId: "d", parentId: "gone", counts: { n: 2 } },
    ];
    expect(sumOverTree(nodes, ["n"], ["extra"])).toEqual({ n: 7, extra: 1 });
    expect(sumOverTree(nodes.slice(0, 1), ["n"])).toBeNull();
  });

  it("end although spans name each other as parents", () => {
    const loop = [
      { spanId: "a", parentId: "b", counts: { n: 1 } },
      { spanId: "b", parentId: "a", counts: { n: 1 } },
      { spanId: "c", parentId: "c", counts: { n: 1 } },
    ];
    expect(sumOverTree(loop, ["n"])).toBeNull();
  });
});

describe("patterns", () => {
  it("LIKE as SQL does", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", ".") });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "%", "_"), maxLength: 8 });
    fc.assert(
      fc.property(text, pattern, (value, given) => {
        const regexp = new RegExp(`^${given.replaceAll("%", ".*").replaceAll("_", ".")}$`, "s");
        expect(like(given)(value)).toBe(regexp.test(value));
      }),
      { numRuns: 500 },
    );
  });

  const rlike = (value: string) =>
    matcher({ entity: "tag", key: "k", operator: "RLIKE", value, text: value, at: 0 });

  it("match regular expressions in linear time", async () => {
    const matches = await rlike("^(a+)+$");
    expect(matches("aaa")).toBe(true);
    expect(matches(`${"a".repeat(50_000)}!`)).toBe(false);
  });

  it.each(["(", "(?=a)", "(a)\\1", "a{1001}", "(((a{100}){100}){100})", "x".repeat(1001)])(
    "refuse %s",
    async (pattern) => expect(rlike(pattern)).rejects.toThrow(/nvalid regular expression|longer than/),
  );
});

it("counts how far two filters are from chance", () => {
  expect(normalisedPmi({ first: 10, second: 10, joint: 10, total: 15 })).toBeCloseTo(1);
  expect(normalisedPmi({ first: 5, second: 5, joint: 0, total: 10 })).toBe(-1);
  expect(normalisedPmi({ first: 50, second: 50, joint: 25, total: 100 })).toBeCloseTo(0);
  expect(normalisedPmi({ first: 0, second: 5, joint: 0, total: 10 })).toBeNaN();
});

it("reaches control through the front", () => {
  expect(sniff(Buffer.from("POST /v1/traces HTTP/1.1\r\n"))).toBe("control");
});
