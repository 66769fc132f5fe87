import { must, mustRefuse } from "../outcome.mjs";
import { path } from "../rest-client.mjs";
import { strangers } from "../tensors.mjs";

export const area = "refusals";

/** A request that must be refused, whatever carries it. */
function refusal(name, clause, request) {
  return {
    name,
    clause,
    run: ({ client, subject }) => mustRefuse(() => client.infer(subject.name, request(subject))),
  };
}

/** A body that only REST can carry. */
function bodyRefusal(name, body) {
  return {
    name,
    clause: "OIP REST Inference Response JSON Error Object",
    transport: "rest",
    run: ({ client, subject }) =>
      mustRefuse(() => client.call("POST", `${path(subject.name)}/infer`, { body: body(subject) })),
  };
}

const wider = (shape) => shape.map((size, axis) => (axis === shape.length - 1 ? size + 1 : size));

export const checks = [
  refusal("no inputs", "OIP Inference Request, inputs", () => ({ inputs: [] })),
  refusal("an unknown input", "OIP Request Input, name", (s) => s.withInput({ name: "no-such-input" })),
  refusal("an input given twice", "OIP Request Input, name", (s) => ({
    inputs: [...s.request().inputs, s.first],
  })),
  refusal("another datatype than the model's", "OIP Request Input, datatype", (s) =>
    s.withInput({
      datatype: s.first.datatype === "BYTES" ? "FP32" : "BYTES",
      data: s.first.data.map(() => (s.first.datatype === "BYTES" ? 1 : "a")),
    }),
  ),
  refusal("an unknown datatype", "OIP Tensor Data Types", (s) => s.withInput({ datatype: "FLOAT" })),
  refusal("fewer values than the shape says", "OIP Request Input, shape and data", (s) =>
    s.withInput({ data: s.first.data.slice(1) }),
  ),
  refusal("more values than the shape says", "OIP Request Input, shape and data", (s) =>
    s.withInput({ data: [...s.first.data, ...s.first.data] }),
  ),
  refusal("a shape that the model doesn't take", "OIP Request Input, shape", (s) => {
    const shape = [...s.first.shape, 1, 1, 1, 1];
    return s.withInput({ shape });
  }),
  refusal("a shape that claims 2^60 values", "OIP Request Input, shape", (s) =>
    s.withInput({ shape: [2 ** 30, 2 ** 30] }),
  ),
  refusal("a negative size", "OIP Request Input, shape", (s) =>
    s.withInput({ shape: s.first.shape.map(() => -1) }),
  ),
  refusal("an unknown output", "OIP Request Output, name", (s) =>
    s.request({ outputs: [{ name: "no-such-output" }] }),
  ),
  {
    name: "an unknown model",
    clause: "OIP Inference, error",
    run: ({ client, subject }) => mustRefuse(() => client.infer("no-such-model-here", subject.request())),
  },
  {
    name: "an unknown version",
    clause: "OIP Inference, versions",
    needs: "versions",
    run: ({ client, subject }) => mustRefuse(() => client.infer(subject.name, subject.request(), "987654")),
  },
  bodyRefusal("a body that isn't JSON", () => "{"),
  bodyRefusal("an empty body", () => ""),
  bodyRefusal("a body that isn't an object", () => "[1]"),
  bodyRefusal(
    "a body that isn't UTF-8",
    () => new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  ),
  bodyRefusal("inputs that aren't an array", () => ({ inputs: {} })),
  bodyRefusal("an input without a shape", (s) => s.withInput({ shape: undefined })),
  bodyRefusal("an input without data", (s) => s.withInput({ data: undefined })),
  bodyRefusal("a size that isn't a number", (s) => s.withInput({ shape: s.first.shape.map(() => "1") })),
  bodyRefusal("a size that isn't whole", (s) => s.withInput({ shape: s.first.shape.map(() => 1.5) })),
  bodyRefusal("data that isn't an array", (s) => s.withInput({ data: "abc" })),
  bodyRefusal("ragged data", (s) =>
    s.withInput({
      shape: [2, 2],
      data: [[s.first.data[0]], [s.first.data[0], s.first.data[0], s.first.data[0]]],
    }),
  ),
  bodyRefusal("null among the values", (s) => s.withInput({ data: s.first.data.map(() => null) })),
  bodyRefusal("data nested a thousand deep", (s) => {
    const deep = `${"[".repeat(1000)}1${"]".repeat(1000)}`;
    return JSON.stringify(s.withInput({ data: "DEEP" })).replace('"DEEP"', deep);
  }),
  bodyRefusal("values that aren't of the datatype", (s) =>
    s.withInput({ data: s.first.data.map(() => strangers(s.first.datatype)[0]) }),
  ),
  bodyRefusal("one value too many by the shape", (s) => s.withInput({ shape: wider(s.first.shape) })),
  {
    name: "after all of these the model still answers",
    clause: "OIP Model Ready",
    run: async ({ client, subject }) => {
      must(await client.modelReady(subject.name), "the model isn't ready any more");
      await client.infer(subject.name, subject.request());
    },
  },
];
