import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/http/errors.ts";
import { compareAnswer, parseContract, readContract, requestBody } from "../../src/serving/contract.ts";
import type { Contract } from "../../src/serving/model-store.ts";

const input = { name: "x", shape: [2, 2], datatype: "FP32", data: [1, 2, 3, 4] };
const label = { name: "label", shape: [2], datatype: "INT64", data: [3, 7] };
const scores = { name: "scores", shape: [2, 2], datatype: "FP32", data: [0.25, 100, 0, 1] };
const contract: Contract = { request: { inputs: [input] }, response: { outputs: [label, scores] } };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-contract-"));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (text: string) => writeFile(join(folder, "contract.json"), text);

async function failure(promise: Promise<unknown>): Promise<SlipwayError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SlipwayError);
  return error as SlipwayError;
}

describe("contract.json", () => {
  it("is read, and its request is the body to send", async () => {
    await write(JSON.stringify({ ...contract, tolerance: { absolute: 0.01 } }));
    const read = await readContract(folder);
    expect(read).toEqual({ ...contract, tolerance: { absolute: 0.01 } });
    expect(JSON.parse(requestBody(read))).toEqual({ inputs: [input] });
  });

  it("must be there; the hint shows how to write it from Python and JavaScript", async () => {
    const error = await failure(readContract(folder));
    expect(error.code).toBe("CONTRACT_MISSING");
    expect(error.hint).toMatch(/mlflow\.log_dict\(\{"request"/);
    expect(error.hint).toMatch(/writeFileSync\("model\/contract\.json"/);
  });

  it("mustn't be large", async () => {
    await write(" ".repeat(16 * 1024 * 1024 + 1));
    expect(await failure(readContract(folder))).toMatchObject({ code: "CONTRACT_INVALID" });
  });

  const refused: [string, unknown, RegExp][] = [
    ["another shape of file", [], /the whole: /],
    ["no request", { response: contract.response }, /request: /],
    ["no inputs", { ...contract, request: { inputs: [] } }, /request\.inputs: /],
    [
      "an input without a name",
      { ...contract, request: { inputs: [{ ...input, name: undefined }] } },
      /request\.inputs\[0\]\.name: /,
    ],
    [
      "a wrong size in a shape",
      { ...contract, request: { inputs: [{ ...input, shape: [2, 0.5] }] } },
      /request\.inputs\[0\]\.shape\[1\]: /,
    ],
    [
      "data that doesn't fill its shape",
      { ...contract, request: { inputs: [{ ...input, data: [[1, 2], [3]] }] } },
      /request\.inputs\[0\]\.data: shape \[2,2\] has 4 values, but 3 are given/,
    ],
    [
      "an unknown datatype",
      { ...contract, response: { outputs: [{ ...label, datatype: "int64" }] } },
      /response\.outputs\[0\]\.datatype: "int64" isn't one of Open Inference V2/,
    ],
    [
      "values of another type",
      { ...contract, response: { outputs: [scores, { ...label, data: [1, 1.5] }] } },
      /response\.outputs\[1\]\.data\[1\]: 1\.5 isn't INT64/,
    ],
    [
      "an output recorded twice",
      { ...contract, response: { outputs: [label, label] } },
      /response\.outputs\[1\]\.name: "label" is there twice/,
    ],
    ["a negative tolerance", { ...contract, tolerance: { absolute: -1 } }, /tolerance\.absolute: /],
    ["an unknown tolerance", { ...contract, tolerance: { rel: 1 } }, /tolerance: .*rel/],
  ];
  it.each(refused)("is refused with the place: %s", (_, value, message) => {
    const parse = () => parseContract(JSON.stringify(value));
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: "CONTRACT_INVALID" }));
  });

  it("is refused with a hint when Python wrote NaN into it", () => {
    const parse = () => parseContract('{"request": {"inputs": [{"data": [NaN]}]}}');
    expect(parse).toThrow(expect.objectContaining({ hint: expect.stringContaining('"NaN"') }));
  });
});

type Outputs = Contract["response"]["outputs"];
const answer = (outputs: unknown) => JSON.stringify({ model_name: "m", outputs });
const compare = (
  outputs: unknown,
  recorded: Outputs = contract.response.outputs,
  more: Partial<Contract> = {},
) => compareAnswer({ ...contract, ...more, response: { outputs: recorded } }, 200, answer(outputs));

describe("an answer", () => {
  it("may lie within the tolerance, in any order, nested, with more outputs", () => {
    const near = {
      ...scores,
      data: [
        [0.2502, 100.09],
        [0.00009, 1],
      ],
    };
    expect(compare([{ name: "more" }, near, label])).toEqual({ ok: true });
  });

  it("must lie within it", () => {
    const far = { ...scores, data: [0.2504, 100.2, 0.0002, 1] };
    expect(compare([label, far])).toEqual({
      ok: false,
      differences: [
        'output "scores"[0][0]: expected 0.25, got 0.2504',
        'output "scores"[0][1]: expected 100, got 100.2',
        'output "scores"[1][0]: expected 0, got 0.0002',
      ],
    });
  });

  it("is held to the contract's own tolerance", () => {
    const off = { ...scores, data: [0.3, 100, 0, 1] };
    expect(compare([label, off], [label, scores], { tolerance: { absolute: 0.1 } })).toEqual({ ok: true });
    expect(compare([label, scores], [label, scores], { tolerance: { absolute: 0, relative: 0 } })).toEqual({
      ok: true,
    });
  });

  it("must give the very integers and strings", () => {
    expect(compare([{ ...label, data: [3, 8] }, scores])).toEqual({
      ok: false,
      differences: ['output "label"[1]: expected 7, got 8'],
    });
    const word = { name: "word", shape: [1], datatype: "BYTES", data: ["a"] };
    expect(compare([{ ...word, data: ["b"] }], [word])).toEqual({
      ok: false,
      differences: ['output "word"[0]: expected "a", got "b"'],
    });
  });

  it("has NaN where NaN was, and nowhere else", () => {
    const recorded = [{ name: "y", shape: [3], datatype: "FP32", data: ["NaN", 1, "Infinity"] }];
    const given = (data: unknown[]) => compare([{ ...recorded[0], data }], recorded);
    expect(given(["NaN", 1, "Infinity"])).toEqual({ ok: true });
    expect(given([0, "NaN", "-Infinity"])).toEqual({
      ok: false,
      differences: [
        'output "y"[0]: expected "NaN", got 0',
        'output "y"[1]: expected 1, got "NaN"',
        'output "y"[2]: expected "Infinity", got "-Infinity"',
      ],
    });
  });

  it("must have every output, with datatype and shape", () => {
    expect(compare([label])).toEqual({
      ok: false,
      differences: ['output "scores" is missing; answered were "label"'],
    });
    expect(
      compare([
        { ...label, datatype: "INT32" },
        { ...scores, shape: [4] },
      ]),
    ).toEqual({
      ok: false,
      differences: [
        'output "label": expected datatype INT64, got INT32',
        'output "scores": expected shape [2,2], got [4]',
      ],
    });
    expect(compare([label, { ...scores, data: [1] }])).toEqual({
      ok: false,
      differences: ['output "scores": expected 4 values, got 1'],
    });
  });

  it("is told off at five places", () => {
    const long = { name: "y", shape: [9], datatype: "INT64", data: Array.from({ length: 9 }, (_, i) => i) };
    const compared = compare([{ ...long, data: long.data.map((value) => value + 1) }], [long]);
    expect(compared.ok ? [] : compared.differences).toHaveLength(5);
  });

  it("must have status 200 and be one of Open Inference V2", () => {
    expect(compareAnswer(contract, 500, '{"error":"the model failed"}')).toEqual({
      ok: false,
      differences: ["answered with status 500: the model failed"],
    });
    expect(compareAnswer(contract, 502, "<html>")).toEqual({
      ok: false,
      differences: ["answered with status 502: <html>"],
    });
    for (const body of ["nonsense", "null", "{}", '{"outputs":[null]}', "[]"])
      expect(compareAnswer(contract, 200, body).ok).toBe(false);
  });
});
