import { afterAll, beforeAll, describe, expect, it } from "vitest";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";
import { nested, oneRow } from "../../src/cli/snippets/example.ts";
import { httpRequest } from "../../src/cli/snippets/request.ts";
import { runSnippet } from "../support/run-snippet.ts";
import { fakePlatform, json } from "./fake-platform.ts";
import type { FakePlatform } from "./fake-platform.ts";
import { run } from "./run.ts";

const python = (ensurePython as () => string)();
const MODEL = `it's "odd"`;
const PORTS = [
  { name: "a'b\"c", datatype: "BYTES", shape: [-1, 2] },
  { name: "is it", datatype: "BOOL", shape: [-1] },
  { name: "x", datatype: "FP32", shape: [-1, 2] },
];
const RECORDED = [
  { name: "a'b\"c", datatype: "BYTES", shape: [2, 2], data: ["$HOME `id` \\n", "é\u0000'\"\\", "no", "no"] },
  { name: "is it", datatype: "BOOL", shape: [2], data: [true, false] },
  {
    name: "x",
    datatype: "FP32",
    shape: [2, 2],
    data: [
      ["NaN", 1.5e-7],
      [3, 4],
    ],
  },
];
const ANSWERS = {
  outputs: [{ name: "y", shape: [1], datatype: "FP32", data: [0.5] }],
  predictions: [0.5],
};

let platform: FakePlatform;
let predictPath = "";

beforeAll(async () => {
  const name = encodeURIComponent(MODEL);
  const answer = json(200, ANSWERS);
  platform = await fakePlatform({
    [`GET /services/${name}/example`]: json(200, {
      model: MODEL,
      version: 3,
      protocols: ["v1", "v2"],
      request: { inputs: RECORDED },
    }),
    "GET /services/gone/example": json(404, { error: { code: "NOT_FOUND", message: "no", hint: "Look." } }),
    "GET /info": json(200, { grpcPort: 4601 }),
    [`GET /v2/models/${name}`]: json(200, { name: MODEL, inputs: PORTS }),
    [`POST /v2/models/${name}/infer`]: answer,
    [`POST /v1/models/${name}:predict`]: answer,
    [`POST /endpoints/${name}/invocations`]: answer,
  });
  predictPath = name;
});

afterAll(() => platform.close());

describe("slipway call", () => {
  it.each(["v2", "v1", "invocations"] as const)(
    "prints snippets for %s that send the very example, whatever is in its names and values",
    async (protocol) => {
      const told = await run(["call", MODEL, "--json", "--protocol", protocol, "--url", platform.url]);
      expect(told.code).toBe(0);
      const { version, needsToken, snippets } = JSON.parse(told.out) as {
        version: number;
        needsToken: boolean;
        snippets: { lang: string; code: string }[];
      };
      expect([version, needsToken]).toEqual([3, false]);
      expect(snippets.map(({ lang }) => lang)).toEqual(["curl", "python", "typescript"]);
      const wanted = httpRequest(protocol, MODEL, oneRow(PORTS, RECORDED));
      expect(wanted.path).toContain(predictPath);
      const before = platform.calls.length;
      const ran = await Promise.all(snippets.map(({ lang, code }) => runSnippet(lang, code, { python })));
      for (const { code, err, out } of ran) {
        expect(code, err).toBe(0);
        expect(out).toContain("0.5");
      }
      const sent = platform.calls.slice(before);
      expect(sent).toHaveLength(3);
      for (const { path, body, token } of sent) {
        expect(path).toBe(wanted.path);
        expect(body).toEqual(wanted.body);
        expect(token).toBeUndefined();
      }
    },
  );

  it("sends the example itself, and shows the answer", async () => {
    const sent = await run(["call", MODEL, "--send", "--json", "--url", platform.url]);
    expect(sent.code).toBe(0);
    expect(JSON.parse(sent.out)).toMatchObject({ status: 200, answer: ANSWERS });
    const shown = await run(["call", MODEL, "--send", "--protocol", "v1", "--url", platform.url]);
    expect(shown.out).toContain("instances");
    expect(shown.out).toContain('"predictions":[0.5]');
  });

  it("prints one language alone, for a file", async () => {
    const { out } = await run([
      "call",
      MODEL,
      "--lang",
      "python",
      "--protocol",
      "grpc",
      "--url",
      platform.url,
    ]);
    expect(out).toMatch(/^import numpy/);
    expect(out).toContain('"127.0.0.1:4601"');
  });

  it("says what can't be", async () => {
    const wrong = await run(["call", MODEL, "--lang", "pyton", "--url", platform.url]);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain("did you mean python?");
    const none = await run(["call", MODEL, "--lang", "curl", "--protocol", "grpc", "--url", platform.url]);
    expect(none.code).toBe(2);
    expect((await run(["call", "gone", "--url", platform.url])).code).toBe(5);
  });
});

describe("an example", () => {
  it("is its first row, or zeros where none is kept", () => {
    expect(oneRow(PORTS, RECORDED).map(({ shape, data }) => [shape, data.length])).toEqual([
      [[1, 2], 2],
      [[1], 1],
      [[1, 2], 2],
    ]);
    const made = oneRow(PORTS, null);
    expect(made.map(({ data }) => data)).toEqual([["", ""], [false], [0, 0]]);
  });

  it("stays whole where its first dimension isn't one of rows", () => {
    const port = { name: "image", datatype: "FP32", shape: [2, 2] };
    const recorded = [{ name: "image", datatype: "FP32", shape: [2, 2], data: [1, 2, 3, 4] }];
    const [image] = oneRow([port], recorded);
    expect(image && nested(image)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it("is a table where every input is a column", () => {
    const column = (name: string, shape: number[]) => ({ name, datatype: "FP64", shape, data: [1, 2] });
    expect(httpRequest("invocations", "m", [column("a", [2]), column("b", [2, 1])]).body).toEqual({
      dataframe_split: {
        columns: ["a", "b"],
        data: [
          [1, 1],
          [2, 2],
        ],
      },
    });
  });
});
