import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BadInput } from "../../src/serving/protocol/bad-input.ts";
import { DATATYPE_NAMES, datatypeNamed } from "../../src/serving/protocol/datatypes.ts";
import type { Datatype, TensorData } from "../../src/serving/protocol/datatypes.ts";
import { fromFloat16, toFloat16 } from "../../src/serving/protocol/float16.ts";
import { summarise } from "../../src/serving/protocol/summary.ts";
import type { ModelPorts, Tensor, TensorPort } from "../../src/serving/protocol/tensor.ts";
import { readV1, writeV1 } from "../../src/serving/protocol/v1.ts";
import { V2Writer } from "../../src/serving/protocol/v2-writer.ts";
import { readV2 } from "../../src/serving/protocol/v2.ts";

const type = (name: string) => datatypeNamed(name) as Datatype;
const port = (name: string, datatype: string, shape?: number[]): TensorPort => ({
  name,
  datatype: type(datatype),
  shape,
});
const tensor = (datatype: string, shape: number[], values: unknown[]): Tensor => {
  const data = type(datatype).make(values.length);
  expect(type(datatype).read(values, data, 0)).toBe(-1);
  return { datatype: type(datatype), shape, data, start: 0 };
};

const MODEL: ModelPorts = {
  inputs: [port("features", "FP32", [-1, 3]), port("count", "INT64", [-1])],
  outputs: [port("label", "INT64", [-1]), port("scores", "FP32", [-1, 2])],
};
const features = { name: "features", datatype: "FP32", shape: [2, 3], data: [1, 2, 3, 4, 5, 6] };
const count = { name: "count", datatype: "INT64", shape: [2], data: [7, 8] };
const only = (name: string, datatype: string, shape?: number[]): ModelPorts => ({
  inputs: [port(name, datatype, shape)],
  outputs: [port("y", "FP32", [-1])],
});

const bytes = (body: unknown): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
const given = (data: TensorData | undefined) => Array.from(data as ArrayLike<unknown>);

/** The message of the refusal. */
function refusal(body: unknown, model = MODEL, read = readV2): string {
  try {
    read(bytes(body), model);
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput);
    return (error as BadInput).message;
  }
  return "accepted";
}

describe("Open Inference V2 requests", () => {
  it("are read flat or nested, in the model's order of inputs", () => {
    const flat = readV2(bytes({ id: "7", inputs: [count, features] }), MODEL);
    const nested = readV2(
      bytes({
        inputs: [
          {
            ...features,
            data: [
              [1, 2, 3],
              [4, 5, 6],
            ],
          },
          count,
        ],
        outputs: [{ name: "scores" }, { name: "label" }],
        parameters: { anything: 1 },
      }),
      MODEL,
    );
    for (const { inputs } of [flat, nested]) {
      expect(inputs.map(({ shape }) => shape)).toEqual([[2, 3], [2]]);
      expect(given(inputs[0]?.data)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(given(inputs[1]?.data)).toEqual([7n, 8n]);
    }
    expect(flat).toMatchObject({ id: "7", outputs: undefined });
    expect(nested.outputs).toEqual([1, 0]);
  });

  const withFeatures = (more: object) => ({ inputs: [{ ...features, ...more }, count] });
  const refused: [string, unknown, string][] = [
    ["no object", [1], "the body is [1], an object is needed"],
    ["no inputs", { id: "1" }, '`inputs` is missing: the model takes "features", "count"'],
    [
      "V1 where V2 is spoken",
      { instances: [] },
      '`inputs` is missing: the model takes "features", "count" (`instances` belongs to Open Inference V1, …:predict)',
    ],
    ["inputs that are no array", { inputs: {} }, "`inputs` is {}, an array of tensors is needed"],
    [
      "an unknown input",
      { inputs: [{ ...features, name: "feature" }] },
      'input "feature" is unknown; did you mean "features"? (the model takes "features", "count")',
    ],
    [
      "an unknown input like no other",
      { inputs: [{ ...features, name: "zzzzzzzzz" }] },
      'input "zzzzzzzzz" is unknown; the model takes "features", "count"',
    ],
    ["an input without a name", { inputs: [{}] }, "{} in `inputs` has no `name`"],
    ["an input given twice", { inputs: [count, count] }, 'input "count" is given twice'],
    [
      "a missing input",
      { inputs: [features] },
      'input "count" is missing; the model takes "features", "count"',
    ],
    [
      "another datatype",
      withFeatures({ datatype: "FP64" }),
      'input "features": its datatype is "FP64", but the model takes FP32',
    ],
    [
      "another shape",
      withFeatures({ shape: [3, 2] }),
      'input "features": its shape is [3,2], but the model takes [-1,3] (-1: any size)',
    ],
    [
      "another rank",
      withFeatures({ shape: [6] }),
      'input "features": its shape is [6], but the model takes [-1,3] (-1: any size)',
    ],
    [
      "a shape without rows",
      withFeatures({ shape: [0, 3], data: [] }),
      'input "features": its shape is [0,3], but 0 isn\'t a size: an integer from 1 is needed',
    ],
    [
      "a shape that is no array",
      withFeatures({ shape: 6 }),
      'input "features": its shape is 6, an array of sizes is needed',
    ],
    [
      "too few values",
      withFeatures({ data: [1, 2] }),
      'input "features": its shape [2,3] has 6 values, but 2 are given',
    ],
    [
      "a shape larger than any memory",
      withFeatures({ shape: [2 ** 50, 3] }),
      'input "features": its shape [1125899906842624,3] has 3377699720527872 values, but 6 are given',
    ],
    [
      "ragged rows",
      withFeatures({
        data: [
          [1, 2, 3],
          [4, 5],
        ],
      }),
      'input "features": its shape [2,3] asks for 3 values at depth 2 of `data`, but one place has 2 values',
    ],
    [
      "rows and values mixed",
      withFeatures({ data: [[1, 2, 3], 4] }),
      'input "features": its shape [2,3] asks for 3 values at depth 2 of `data`, but one place has 4',
    ],
    [
      "rows nested too deep",
      withFeatures({
        data: [
          [1, 2, [3]],
          [4, 5, 6],
        ],
      }),
      'input "features": data[0][2]: [3] isn\'t FP32: a number is needed',
    ],
    [
      "no data",
      withFeatures({ data: undefined }),
      'input "features": its `data` is undefined, an array is needed',
    ],
    [
      "text among numbers",
      withFeatures({ data: [1, 2, "3", 4, 5, 6] }),
      'input "features": data[2]: "3" isn\'t FP32: a number is needed',
    ],
    [
      "null",
      withFeatures({
        data: [
          [1, 2, 3],
          [4, null, 6],
        ],
      }),
      'input "features": data[1][1]: null isn\'t FP32: a missing value is written "NaN"',
    ],
    [
      "a number too large for FP32",
      withFeatures({ data: [1, 2, 3, 4, 5, 1e39] }),
      'input "features": data[5]: 1e+39 isn\'t FP32: the largest is 3.4028234663852886e+38',
    ],
    [
      "an unknown output",
      { inputs: [features, count], outputs: [{ name: "lable" }] },
      'output "lable" is unknown; did you mean "label"? (the model gives "label", "scores")',
    ],
    [
      "an output asked for twice",
      { inputs: [features, count], outputs: [{ name: "label" }, { name: "label" }] },
      'output "label" is asked for twice',
    ],
    ["an id that is no text", { inputs: [features, count], id: 7 }, "`id` is 7, a string is needed"],
    [
      "binary data",
      withFeatures({ data: undefined, parameters: { binary_data_size: 24 } }),
      'input "features": `binary_data_size` is 24, but the request has no binary data: the header Inference-Header-Content-Length says where the JSON ends',
    ],
  ];
  it.each(refused)("are refused: %s", (_, body, message) => expect(refusal(body)).toBe(message));

  it("are refused with a hint when NaN stands in them", () => {
    expect(refusal('{"inputs":[{"data":[1.0, NaN]}]}')).toMatch(
      /^the body isn't JSON \(NaN and infinity are written as the strings "NaN"/,
    );
    expect(refusal("nonsense")).toMatch(/^the body isn't JSON: /);
    expect(refusal(Buffer.from([0x22, 0xff, 0x22]))).toBe("the body isn't UTF-8");
  });

  const values: [string, unknown[], [unknown, string][]][] = [
    ["BOOL", [true, false], [[1, "1 isn't BOOL: true or false is needed"]]],
    [
      "INT8",
      [-128, 127],
      [
        [128, "128 isn't INT8: an integer from -128 to 127 is needed"],
        [1.5, "1.5 isn't INT8: an integer from -128 to 127 is needed"],
        ["NaN", '"NaN" isn\'t INT8: an integer from -128 to 127 is needed'],
        [null, "null isn't INT8: an integer from -128 to 127 is needed"],
      ],
    ],
    [
      "INT16",
      [-32_768, 32_767],
      [[-32_769, "-32769 isn't INT16: an integer from -32768 to 32767 is needed"]],
    ],
    ["INT32", [-(2 ** 31), 2 ** 31 - 1], [[2 ** 31, expect.stringContaining("isn't INT32")]] as never],
    ["UINT8", [0, 255], [[-1, "-1 isn't UINT8: an integer from 0 to 255 is needed"]]],
    ["UINT16", [0, 65_535], [[65_536, expect.stringContaining("isn't UINT16")]] as never],
    ["UINT32", [0, 2 ** 32 - 1], [[2 ** 32, expect.stringContaining("isn't UINT32")]] as never],
    [
      "INT64",
      [-9_007_199_254_740_991, 9_007_199_254_740_991],
      [
        [2 ** 53, "9007199254740992 is beyond 2^53, where JSON numbers lose digits"],
        [0.5, "0.5 isn't INT64: an integer is needed"],
      ],
    ],
    ["UINT64", [0, 1], [[-1, "-1 isn't UINT64: it is negative"]]],
    ["FP16", [65_504, -1.5, "NaN"], [[65_536, "65536 isn't FP16: the largest is 65504"]]],
    ["FP32", [0.5, "NaN", "Infinity", "-Infinity"], [["nan", '"nan" isn\'t FP32: a number is needed']]],
    ["FP64", [1e300, -0.1], [[true, "true isn't FP64: a number is needed"]]],
    ["BYTES", ["", "ä\n"], [[1, "1 isn't BYTES: a string is needed"]]],
  ];
  it.each(values)("carry %s", (name, good, bad) => {
    const model = only("x", name, [-1]);
    const request = (data: unknown[]) => ({
      inputs: [{ name: "x", datatype: name, shape: [data.length], data }],
    });
    const read = readV2(bytes(request(good)), model).inputs[0] as Tensor;
    expect(JSON.parse(`[${read.datatype.toJson(read.data, 0, good.length)}]`)).toEqual(good);
    for (const [value, complaint] of bad) {
      const message = refusal(request([...good, value]), model);
      const prefix = `input "x": data[${good.length}]: `;
      expect(message.slice(0, prefix.length)).toBe(prefix);
      expect(message.slice(prefix.length)).toEqual(complaint);
    }
  });

  it("may carry any shape where the model doesn't say", () => {
    const model = only("x", "FP32");
    const read = (shape: number[]) =>
      readV2(bytes({ inputs: [{ name: "x", datatype: "FP32", shape, data: [1] }] }), model).inputs[0]?.shape;
    expect(read([])).toEqual([]);
    expect(read([1, 1])).toEqual([1, 1]);
  });

  const anything = fc.jsonValue({ maxDepth: 4 });
  const maybeTensor = fc.record(
    {
      name: fc.oneof(fc.constantFrom("features", "count", "__proto__"), anything),
      datatype: fc.oneof(fc.constantFrom(...DATATYPE_NAMES), anything),
      shape: fc.oneof(fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 }), anything),
      data: fc.oneof(fc.array(fc.oneof(fc.integer(), fc.double()), { maxLength: 9 }), anything),
      parameters: anything,
    },
    { requiredKeys: [] },
  );
  const maybeRequest = fc.oneof(
    anything,
    fc.record(
      {
        inputs: fc.oneof(fc.array(maybeTensor, { maxLength: 3 }), anything),
        outputs: fc.oneof(fc.array(fc.record({ name: fc.constantFrom("label", "scores", "x") })), anything),
        id: anything,
        parameters: anything,
      },
      { requiredKeys: [] },
    ),
  );

  it("are either read whole or refused in one line, whatever they are", () => {
    fc.assert(
      fc.property(maybeRequest, fc.constantFrom(readV1, readV2), (request, read) => {
        const body = bytes(JSON.stringify(request) ?? "");
        let inputs: Tensor[];
        try {
          ({ inputs } = read(body, MODEL));
        } catch (error) {
          expect(error).toBeInstanceOf(BadInput);
          expect([400, 501]).toContain((error as BadInput).status);
          return;
        }
        inputs.forEach(({ shape, data }, index) => {
          expect(shape).toHaveLength(MODEL.inputs[index]?.shape?.length ?? -1);
          expect(data).toHaveLength(shape.reduce((a, b) => a * b, 1));
        });
      }),
      { numRuns: 1_000 },
    );
  });

  it("are refused in a short line, however deep or large they are", () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    const large = JSON.stringify(Array.from({ length: 100_000 }, () => ({ a: "long" })));
    for (const value of [deep(100_000), large, JSON.stringify("x".repeat(1_000_000))]) {
      for (const body of [
        value,
        `{"inputs":${value}}`,
        `{"inputs":[${value}]}`,
        `{"id":${value},"inputs":[]}`,
      ])
        expect(refusal(body).length).toBeLessThan(200);
      for (const key of ["datatype", "shape", "data"])
        expect(
          refusal(JSON.stringify(withFeatures({ [key]: "@" })).replace('"@"', value)).length,
        ).toBeLessThan(200);
      expect(refusal(`{"instances":${value}}`, MODEL, readV1 as typeof readV2).length).toBeLessThan(200);
    }
  });

  it("are refused when they are arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        expect(refusal(Buffer.from(body as never))).not.toBe("accepted");
      }),
    );
  });
});

describe("Open Inference V1 requests", () => {
  const one = only("x", "FP32", [-1, 2]);
  it("are rows of the one input, or objects that name each", () => {
    for (const rows of [
      {
        instances: [
          [1, 2],
          [3, 4],
        ],
      },
      {
        inputs: [
          [1, 2],
          [3, 4],
        ],
      },
      { instances: [{ x: [1, 2] }, { x: [3, 4] }] },
    ]) {
      const [x] = readV1(bytes(rows), one).inputs;
      expect(x?.shape).toEqual([2, 2]);
      expect(given(x?.data)).toEqual([1, 2, 3, 4]);
    }
    const both = readV1(bytes({ instances: [{ features: [1, 2, 3], count: 4 }] }), MODEL);
    expect(both.inputs.map(({ shape }) => shape)).toEqual([[1, 3], [1]]);
  });

  it("may be plain values for one column", () => {
    const [x] = readV1(bytes({ instances: [1, 2, 3] }), only("x", "FP32", [-1, 1])).inputs;
    expect(x?.shape).toEqual([3, 1]);
  });

  const refused: [string, unknown, ModelPorts, string][] = [
    ["no instances", {}, one, "`instances` is missing: an array of rows is needed"],
    ["no rows", { instances: [] }, one, "`instances` is empty"],
    ["no array", { instances: 3 }, one, "`instances` is 3, an array of rows is needed"],
    [
      "ragged rows",
      { instances: [[1, 2], [3]] },
      one,
      'input "x": its shape [2,2] asks for 2 values at depth 2 of `data`, but one place has 1 values',
    ],
    [
      "another width",
      { instances: [[1, 2, 3]] },
      one,
      'input "x": its shape is [1,3], but the model takes [-1,2] (-1: any size)',
    ],
    [
      "rows without names for two inputs",
      { instances: [[1, 2, 3]] },
      MODEL,
      'instances[0] is [1,2,3]; an object is needed that names "features", "count"',
    ],
    [
      "a row without one of two inputs",
      { instances: [{ features: [1, 2, 3], count: 1 }, { features: [1, 2, 3] }] },
      MODEL,
      'instances[1]: input "count" is missing in {"features":[1,2,3]}',
    ],
  ];
  it.each(refused)("are refused: %s", (_, body, model, message) =>
    expect(refusal(body, model, readV1 as typeof readV2)).toBe(message),
  );
});

describe("answers", () => {
  const label = tensor("INT64", [2], [4, 9]);
  const scores = tensor("FP32", [2, 2], [0.5, 0.25, 0.125, 1]);
  const request = { inputs: [], outputs: undefined, id: undefined, binary: undefined };

  it("are written as V2, with the request's id and only the outputs asked for", () => {
    const writer = new V2Writer('m"x', 4, MODEL.outputs);
    expect(JSON.parse(writer.write({ ...request, id: 'a"b', outputs: [1] }, [label, scores]))).toEqual({
      model_name: 'm"x',
      model_version: "4",
      id: 'a"b',
      outputs: [{ name: "scores", datatype: "FP32", shape: [2, 2], data: [0.5, 0.25, 0.125, 1] }],
    });
  });

  it("are written as V1 rows: of the one output, or objects that name each", () => {
    expect(JSON.parse(writeV1([MODEL.outputs[1] as TensorPort], [scores]))).toEqual({
      predictions: [
        [0.5, 0.25],
        [0.125, 1],
      ],
    });
    expect(JSON.parse(writeV1(MODEL.outputs, [label, scores]))).toEqual({
      predictions: [
        { label: 4, scores: [0.5, 0.25] },
        { label: 9, scores: [0.125, 1] },
      ],
    });
    expect(JSON.parse(writeV1(MODEL.outputs, [tensor("INT64", [], [3]), scores]))).toEqual({
      predictions: {
        label: 3,
        scores: [
          [0.5, 0.25],
          [0.125, 1],
        ],
      },
    });
  });

  it("share one inference's memory", () => {
    const writer = new V2Writer("m", 1, MODEL.outputs);
    const second = [label, scores].map((whole) => ({
      ...whole,
      shape: [1, ...whole.shape.slice(1)],
      start: whole.data.length / 2,
    }));
    expect(JSON.parse(writer.write(request, second))).toMatchObject({
      outputs: [{ data: [9] }, { data: [0.125, 1] }],
    });
    expect(summarise(second)).toBe("[9]");
  });

  it("keep all digits of 64-bit integers", () => {
    const data = new BigInt64Array([9_223_372_036_854_775_807n]);
    expect(type("INT64").toJson(data, 0, 1)).toBe("9223372036854775807");
  });
});

describe("what was predicted", () => {
  const cases: [string, Tensor[], string][] = [
    ["the class", [tensor("FP32", [2, 2], [1, 0, 0, 1]), tensor("INT64", [2], [5, 6])], "[5,6]"],
    ["the class in a column", [tensor("BYTES", [2, 1], ["a", "b"])], '["a","b"]'],
    ["the largest score", [tensor("FP32", [2, 3], [0, 2, 1, 5, "NaN", 1])], "[1,0]"],
    ["the value", [tensor("FP32", [2, 1], [0.1, "NaN"])], '[0.1,"NaN"]'],
    ["scores before values", [tensor("FP32", [1], [3]), tensor("FP32", [1, 2], [0, 1])], "[1]"],
    ["nothing in an image", [tensor("FP32", [1, 2, 1], [0, 1])], ""],
    ["nothing in a scalar", [tensor("FP32", [], [1])], ""],
    [
      "nothing of many rows",
      [
        tensor(
          "INT64",
          [65],
          Array.from({ length: 65 }, () => 1),
        ),
      ],
      "",
    ],
    ["nothing that is long", [tensor("BYTES", [1], ["ä".repeat(130)])], ""],
  ];
  it.each(cases)("is %s", (_, outputs, expected) => expect(summarise(outputs)).toBe(expected));

  it("never takes more than 256 bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 80 }), (texts) => {
        const summary = summarise([tensor("BYTES", [texts.length], texts)]);
        expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(256);
        if (summary !== "") expect(JSON.parse(summary)).toEqual(texts);
      }),
    );
  });
});

describe("16-bit floats", () => {
  it("survive the way there and back", () => {
    const all = Array.from({ length: 0x7c00 }, (_, bits) => [bits, bits | 0x8000]).flat();
    expect(all.filter((bits) => toFloat16(fromFloat16(bits)) !== bits)).toEqual([]);
  });

  it("are rounded to the nearest, ties to even", () => {
    expect(fromFloat16(toFloat16(2049))).toBe(2048);
    expect(fromFloat16(toFloat16(2051))).toBe(2052);
    expect(fromFloat16(toFloat16(1e9))).toBe(Infinity);
    expect(fromFloat16(toFloat16(Number.NaN))).toBeNaN();
  });
});
