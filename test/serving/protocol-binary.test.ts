import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBinary, FRAME_KIND, decodeBinary, invocationPrefix } from "../../src/serving/frames.ts";
import { BadInput } from "../../src/serving/protocol/bad-input.ts";
import { parseCsv } from "../../src/serving/protocol/csv.ts";
import { datatypeNamed } from "../../src/serving/protocol/datatypes.ts";
import type { Datatype } from "../../src/serving/protocol/datatypes.ts";
import { fromBfloat16, toBfloat16 } from "../../src/serving/protocol/float16.ts";
import { readInvocation, writeInvocation } from "../../src/serving/protocol/invocations.ts";
import type { InvocationForm } from "../../src/serving/protocol/invocations.ts";
import { RawTensors, writeRaw } from "../../src/serving/protocol/raw.ts";
import type { ModelPorts, Tensor, TensorPort } from "../../src/serving/protocol/tensor.ts";
import { callerTimeout } from "../../src/serving/router/deadline.ts";
import type { Model } from "../../src/serving/worker/model.ts";
import { WireFormat } from "../../src/serving/worker/wire-format.ts";

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
const given = ({ data }: Tensor) => Array.from(data as ArrayLike<unknown>);

/** The refusal's message, or "accepted". */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput);
    return (error as BadInput).message;
  }
  return "accepted";
}

describe("raw tensors", () => {
  const values: [string, unknown[]][] = [
    ["BOOL", [true, false]],
    ["INT8", [-128, 127]],
    ["INT16", [-32_768, 32_767]],
    ["INT32", [-2_147_483_648, 2_147_483_647]],
    ["INT64", [-9_007_199_254_740_991, 1]],
    ["UINT8", [0, 255]],
    ["UINT16", [0, 65_535]],
    ["UINT32", [0, 4_294_967_295]],
    ["UINT64", [0, 9_007_199_254_740_991]],
    ["FP16", [-1.5, 65_504]],
    ["BF16", [-1.5, 2 ** 100]],
    ["FP32", ["NaN", "-Infinity"]],
    ["FP64", [0.1, 1e308]],
    ["BYTES", ["", "Ünï\u0000中"]],
  ];

  it.each(values)("of %s come back as they were", (name, items) => {
    const one = tensor(name, [2], items);
    const raw = new RawTensors(writeRaw(one));
    const back = raw.take(port("x", name), writeRaw(one).length, [2]);
    raw.end();
    expect(given(back)).toEqual(given(one));
  });

  it("may be a part of a joined inference", () => {
    const whole = tensor("INT16", [4], [1, 2, 3, 4]);
    expect([...writeRaw({ ...whole, shape: [2], start: 2 })]).toEqual([3, 0, 4, 0]);
    const texts = tensor("BYTES", [3], ["a", "b", "c"]);
    expect(writeRaw({ ...texts, shape: [1], start: 1 }).toString("latin1")).toBe("\u0001\0\0\0b");
  });

  it.each([
    [
      "too few bytes",
      "FP32",
      8,
      [3],
      Buffer.alloc(8),
      "its shape has 3 values of 4 bytes (FP32), but its `binary_data_size` is 8",
    ],
    [
      "more than there are",
      "FP32",
      9,
      [2],
      Buffer.alloc(8),
      "its `binary_data_size` is 9, but 8 bytes are left",
    ],
    ["a BOOL of 2", "BOOL", 1, [1], Buffer.from([2]), "byte 0 is 2, but BOOL is 0 or 1"],
    [
      "a text longer than all",
      "BYTES",
      5,
      [1],
      Buffer.from([9, 0, 0, 0, 65]),
      "value 0 is longer than the 5 bytes",
    ],
    ["a text that isn't UTF-8", "BYTES", 5, [1], Buffer.from([1, 0, 0, 0, 255]), "value 0 isn't UTF-8"],
    ["texts left over", "BYTES", 9, [1], Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 65]), "5 bytes are left over"],
    ["no room for the lengths", "BYTES", 4, [2 ** 40], Buffer.alloc(4), "each with a length of 4 bytes"],
  ])("are refused: %s", (_, name, size, shape, bytes, message) => {
    expect(refusal(() => new RawTensors(bytes).take(port("x", name), size, shape))).toContain(message);
  });

  it("are refused or read, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(6), fc.nat(50), (bytes, count, size) => {
        for (const [name] of values) {
          const raw = new RawTensors(Buffer.from(bytes));
          refusal(() => raw.take(port("x", name), size, [count + 1]));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("round bfloat16 to nearest, ties to even", () => {
    expect(fromBfloat16(toBfloat16(1 + 2 ** -8))).toBe(1);
    expect(fromBfloat16(toBfloat16(1 + 3 * 2 ** -8))).toBe(1 + 2 ** -6);
    expect(toBfloat16(Number.NaN)).toBe(0x7fc0);
  });
});

describe("a v2Binary frame", () => {
  const model: Model = {
    inputs: [port("x", "FP32", [-1, 2])],
    outputs: [port("y", "FP32", [-1, 2]), port("label", "INT64", [-1])],
    run: () => Promise.resolve([]),
    release: () => Promise.resolve(),
  };
  const format = new WireFormat(model, "m", 1);
  const raw = writeRaw(tensor("FP32", [1, 2], [1, 2]));
  const request = (more: object = {}, parameters: object = { binary_data_size: 8 }) =>
    JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], parameters }], ...more });
  const outputs = [tensor("FP32", [1, 2], [3, 4]), tensor("INT64", [1], [7])];
  const read = (json: string, bytes = [raw]) => format.read(FRAME_KIND.v2Binary, encodeBinary(json, bytes));

  it("gives the outputs that are asked for, raw as far as they are", () => {
    const asked = read(
      request({ outputs: [{ name: "label" }, { name: "y", parameters: { binary_data: true } }] }),
    );
    expect(given(asked.inputs[0] as Tensor)).toEqual([1, 2]);
    const parts = decodeBinary(format.write(FRAME_KIND.v2Binary, asked, outputs) as Buffer);
    expect(JSON.parse(parts?.json.toString() ?? "")).toEqual({
      model_name: "m",
      model_version: "1",
      outputs: [
        { name: "label", datatype: "INT64", shape: [1], data: [7] },
        { name: "y", datatype: "FP32", shape: [1, 2], parameters: { binary_data_size: 8 } },
      ],
    });
    expect(parts?.raw).toEqual(writeRaw(outputs[0] as Tensor));
  });

  it("lets an output say that it isn't raw where the request says that all are", () => {
    const asked = read(
      request({
        parameters: { binary_data_output: true, anything: [1] },
        outputs: [{ name: "y", parameters: { binary_data: false } }, { name: "label" }],
      }),
    );
    expect(asked).toMatchObject({ outputs: [0, 1], binary: [1] });
  });

  it.each([
    ["bytes left over", request(), [raw, raw], "8 bytes of binary data are left over"],
    ["a negative size", request({}, { binary_data_size: -1 }), [raw], "a number of bytes is needed"],
    ["a size beyond 2^53", request({}, { binary_data_size: 1e300 }), [raw], "a number of bytes is needed"],
    ["parameters that are none", request({}, [1]), [], "its shape is"],
    [
      "a flag that is none",
      request({ parameters: { binary_data_output: 1 } }),
      [raw],
      "true or false is needed",
    ],
    [
      "classes",
      request({ outputs: [{ name: "y", parameters: { classification: 3 } }] }),
      [raw],
      "classification",
    ],
  ])("is refused: %s", (what, json, bytes, message) => {
    const said = refusal(() => read(json, bytes));
    if (what === "parameters that are none") expect(said).toContain("an object is needed");
    else expect(said).toContain(message);
  });

  it("is refused when it is shorter than its JSON", () => {
    const body = Buffer.from([255, 255, 255, 255, 0x7b]);
    expect(refusal(() => format.read(FRAME_KIND.v2Binary, body))).toContain("larger than the body");
  });

  it("of an invocation is refused when it is cut off", () => {
    expect(refusal(() => format.read(FRAME_KIND.invocations, Buffer.from([9])))).toContain("cut off");
    expect(refusal(() => format.read(FRAME_KIND.invocations, invocationPrefix("text/html")))).toContain(
      "text/csv",
    );
  });
});

describe("MLflow's invocations", () => {
  const matrix: ModelPorts = {
    inputs: [port("x", "FP32", [-1, 2])],
    outputs: [port("label", "INT64", [-1]), port("scores", "FP32", [-1, 2])],
  };
  const columns: ModelPorts = {
    inputs: [port("age", "INT64", [-1, 1]), port("plan", "BYTES", [-1])],
    outputs: [port("y", "FP32", [-1, 1])],
  };
  const read = (body: unknown, ports = matrix, form?: InvocationForm, media = "application/json") =>
    readInvocation(media, Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), ports, form);
  const data = (...args: Parameters<typeof read>) => read(...args).inputs.map(given);

  it("take a matrix in every form", () => {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    const forms: [unknown, string?][] = [
      [{ dataframe_split: { columns: ["a", "b"], index: [0, 1], data: rows } }],
      [{ dataframe_split: { data: rows } }],
      [
        {
          dataframe_records: [
            { a: 1, b: 2 },
            { b: 4, a: 3 },
          ],
          params: { p: 1 },
        },
      ],
      [{ instances: rows }],
      [{ instances: [{ x: rows[0] }, { x: rows[1] }] }],
      [
        {
          instances: [
            { a: 1, b: 2 },
            { a: 3, b: 4 },
          ],
        },
      ],
      [{ inputs: rows }],
      [{ inputs: { x: rows } }],
      ["a,b\r\n1,2\r\n\r\n3,4\r\n", "text/csv; charset=utf-8"],
    ];
    for (const [body, media] of forms) expect(data(body, matrix, undefined, media)).toEqual([[1, 2, 3, 4]]);
  });

  it("take columns by name, in the signature's order where the model is one matrix", () => {
    const split = { columns: ["b", "more", "a"], data: [[2, 9, 1]] };
    expect(data({ dataframe_split: split }, matrix, { columns: ["a", "b"] })).toEqual([[1, 2]]);
    expect(data({ dataframe_records: [{ plan: "p", age: 3, more: 1 }] }, columns)).toEqual([[3n], ["p"]]);
    expect(data('plan,age\n"a ""b"",\n",3\n', columns, undefined, "text/csv")).toEqual([[3n], ['a "b",\n']]);
  });

  it("read what pandas calls missing as NaN", () => {
    expect(data({ dataframe_split: { columns: ["a", "b"], data: [[null, 1]] } })).toEqual([[Number.NaN, 1]]);
    expect(data("a,b\n,-inf\nNA,1e3", matrix, undefined, "text/csv")).toEqual([
      [Number.NaN, -Infinity, Number.NaN, 1000],
    ]);
    expect(data({ dataframe_records: [{ a: 1, b: 2 }, { a: 3 }] })).toEqual([[1, 2, 3, Number.NaN]]);
  });

  it.each<[string, unknown, string, string?]>([
    ["nothing", {}, "exactly one of dataframe_split"],
    ["two forms", { inputs: [], instances: [] }, "instances and inputs"],
    ["a list", [1], "an object is needed"],
    ["no JSON", "{", "isn't JSON"],
    ["no data", { dataframe_split: {} }, "`dataframe_split` needs `data`"],
    ["ragged rows", { dataframe_split: { columns: ["a"], data: [[1], [1, 2]] } }, "data[1] is [1,2]"],
    ["no records", { dataframe_records: {} }, "an array of records is needed"],
    ["no rows", { dataframe_records: [] }, "has no rows"],
    ["too few columns", { dataframe_records: [{ a: 1 }] }, "has 2 columns, but the data frame has 1"],
    [
      "too many columns",
      { dataframe_records: [{ a: 1, b: 2, c: 3 }] },
      "has 2 columns, but the data frame has 3",
    ],
    ["an index in the CSV", ",a,b\n0,1,2", "to_csv(index=False)", "text/csv"],
    ["a long row", "a,b\n1,2,3", "row 1 of the CSV has 3 values", "text/csv"],
    ["an open quote", 'a,b\n"1,2', "a quote that isn't closed", "text/csv"],
    ["no CSV", "", "the CSV is empty", "text/csv"],
    ["text for numbers", "a,b\n1,x", '"x" isn\'t FP32', "text/csv"],
    ["another name", { inputs: { y: [[1, 2]] } }, 'input "y" is unknown'],
    ["no tensors", { inputs: 1 }, "an object is needed that names"],
    ["a missing tensor", { inputs: {} }, 'input "x" is missing'],
    ["another charset", "a", "UTF-8 only", "text/csv; charset=latin1"],
    ["another parameter", "a", "unrecognised", "text/csv; x=1"],
    ["Parquet", "PAR1", "application/json or text/csv", "application/vnd.apache.parquet"],
  ])("are refused: %s", (_, body, message, media) => {
    expect(refusal(() => read(body, matrix, undefined, media))).toContain(message);
  });

  it("name a column that is missing", () => {
    expect(refusal(() => read({ dataframe_records: [{ age: 1 }] }, columns))).toBe(
      'column "plan" is missing; the data frame has "age"',
    );
  });

  it("are answered by records, tensors, or values alone", () => {
    const outputs = [tensor("INT64", [2], [4, 9]), tensor("FP32", [2, 2], [0.5, 0.25, 0.125, 1])];
    const scores = [
      [0.5, 0.25],
      [0.125, 1],
    ];
    const write = (isTable: boolean, form?: InvocationForm) =>
      (JSON.parse(writeInvocation(matrix.outputs, outputs, isTable, form)) as { predictions: unknown })
        .predictions;
    expect(write(true)).toEqual([
      { label: 4, scores: scores[0] },
      { label: 9, scores: scores[1] },
    ]);
    expect(write(false)).toEqual({ label: [4, 9], scores });
    expect(write(true, { answer: "label" })).toEqual([4, 9]);
    const column = writeInvocation(columns.outputs, [tensor("FP32", [2, 1], [1, 2])], true, undefined);
    expect(JSON.parse(column)).toEqual({ predictions: [{ y: 1 }, { y: 2 }] });
  });
});

describe("CSV", () => {
  it("is read as it was written", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r", " ", "é") });
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 4 }), (rows) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
        expect(parseCsv(rows.map((row) => row.map(quote).join(",")).join("\n"))).toEqual(rows);
      }),
      { numRuns: 200 },
    );
    expect(parseCsv("a,\nb,c,\r\n\n,")).toEqual([
      ["a", ""],
      ["b", "c", ""],
      ["", ""],
    ]);
  });
});

describe("a caller's deadline", () => {
  it.each([
    [{ "grpc-timeout": "250m" }, 250],
    [{ "grpc-timeout": "2S" }, 2_000],
    [{ "grpc-timeout": "1500u" }, 1.5],
    [{ "grpc-timeout": "123456789m" }, "malformed"],
    [{ "grpc-timeout": "2s" }, "malformed"],
    [{ "x-envoy-expected-rq-timeout-ms": "300" }, 300],
    [{ "x-envoy-expected-rq-timeout-ms": "0" }, undefined],
    [{ "x-envoy-expected-rq-timeout-ms": "soon" }, "malformed"],
    [{}, undefined],
  ])("%o", (headers, wanted) => {
    expect(callerTimeout(headers)).toBe(wanted);
  });
});
