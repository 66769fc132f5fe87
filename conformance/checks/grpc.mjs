import { gzipSync } from "node:zlib";
import { CONTENTS, framed, inferRequest } from "../grpc-client.mjs";
import { NotOffered, must } from "../outcome.mjs";
import { encode } from "../protobuf.mjs";
import { alike } from "../tensors.mjs";

export const area = "gRPC";

const valuesOf = ({ outputs }) => outputs.map(({ data }) => data);
const bytesOf = (subject, kind = "raw") =>
  encode("InferRequest", inferRequest(subject.name, subject.request(), undefined, kind));

function check(name, clause, run) {
  return { name, clause, transport: "grpc", run };
}

/** The call must end with one of these codes, and with a message that says why. */
function refusal(name, codes, bytesFor, headers) {
  return check(name, "OIP GRPC: errors are a google.rpc.Status", async ({ client, subject }) => {
    const { code, message } = await client.send("ModelInfer", bytesFor(subject), headers);
    must(
      codes.includes(code),
      `ended with ${code}, not with ${codes.join(" or ")}: ${message.slice(0, 120)}`,
    );
    must(message !== "", `${code} comes without a message`);
  });
}

const withRequest = (change) => (subject) => {
  const request = inferRequest(subject.name, subject.request(), undefined, "raw");
  return framed(encode("InferRequest", { ...request, ...change(request, subject) }));
};

export const checks = [
  check(
    "typed contents and raw ones are the same",
    "OIP GRPC InferTensorContents",
    async ({ client, subject }) => {
      if (!(subject.first.datatype in CONTENTS))
        throw new NotOffered(`${subject.first.datatype} has no typed contents`);
      const raw = await client.infer(subject.name, subject.request());
      const typed = await client.infer(subject.name, subject.request(), undefined, "typed");
      must(alike(valuesOf(raw), valuesOf(typed)), "the answers differ");
    },
  ),
  check("the id of a typed request comes back", "OIP GRPC ModelInfer, id", async ({ client, subject }) => {
    const { id } = await client.infer(subject.name, subject.request({ id: "typed-42" }), undefined, "typed");
    must(id === "typed-42", `\`id\` is ${JSON.stringify(id)}`);
  }),
  check("many calls share one connection", "gRPC over HTTP/2", async ({ client, subject }) => {
    const answers = await Promise.all(
      Array.from({ length: 32 }, () => client.infer(subject.name, subject.request())),
    );
    must(
      answers.every((answer) => alike(valuesOf(answer), valuesOf(answers[0]))),
      "32 calls at once get different answers",
    );
  }),
  check(
    "a packed message is taken, or its packing refused",
    "gRPC Compression",
    async ({ client, subject }) => {
      const packed = framed(gzipSync(bytesOf(subject)), 1);
      const { code, message } = await client.send("ModelInfer", packed, { "grpc-encoding": "gzip" });
      if (code === "UNIMPLEMENTED") throw new NotOffered("gzip isn't taken");
      must(code === "OK", `ended with ${code}: ${message.slice(0, 120)}`);
    },
  ),
  check("a call ends by its deadline", "gRPC over HTTP/2, Timeout", async ({ client, subject }) => {
    const headers = { "grpc-timeout": "1n" };
    const { code } = await client.send("ModelInfer", framed(bytesOf(subject)), headers);
    must(
      ["DEADLINE_EXCEEDED", "CANCELLED"].includes(code),
      `a call with a nanosecond of time ends with ${code}`,
    );
  }),
  check("an unknown method is UNIMPLEMENTED", "gRPC status codes", async ({ client }) => {
    const { code } = await client.send("NoSuchMethod", framed(Buffer.alloc(0)));
    must(code === "UNIMPLEMENTED", `it ends with ${code}`);
  }),
  check("an unknown model is NOT_FOUND", "gRPC status codes", async ({ client, subject }) => {
    const request = inferRequest("no-such-model-here", subject.request(), undefined, "raw");
    const { code } = await client.send("ModelInfer", framed(encode("InferRequest", request)));
    must(code === "NOT_FOUND", `it ends with ${code}`);
  }),
  refusal("an unknown input", ["INVALID_ARGUMENT"], (subject) => {
    const request = inferRequest(
      subject.name,
      subject.withInput({ name: "no-such-input" }),
      undefined,
      "raw",
    );
    return framed(encode("InferRequest", request));
  }),
  refusal(
    "fewer raw tensors than inputs",
    ["INVALID_ARGUMENT"],
    withRequest(() => ({ raw_input_contents: [] })),
  ),
  refusal(
    "more raw tensors than inputs",
    ["INVALID_ARGUMENT"],
    withRequest(({ raw_input_contents: raw }) => ({ raw_input_contents: [...raw, Buffer.alloc(4)] })),
  ),
  refusal(
    "a raw tensor that is too short",
    ["INVALID_ARGUMENT"],
    withRequest(({ raw_input_contents: [first, ...rest] }) => ({
      raw_input_contents: [first.subarray(1), ...rest],
    })),
  ),
  refusal(
    "typed contents beside raw ones",
    ["INVALID_ARGUMENT"],
    withRequest(({ inputs }) => ({
      inputs: inputs.map((input) => ({ ...input, contents: { fp32_contents: [1] } })),
    })),
  ),
  // Many servers tell bytes that aren't protobuf by INTERNAL, as gRPC's own libraries do.
  refusal("bytes that aren't a message", ["INVALID_ARGUMENT", "INTERNAL"], () =>
    framed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
  ),
  refusal("a message cut short", ["INVALID_ARGUMENT", "INTERNAL", "CANCELLED"], (subject) =>
    framed(bytesOf(subject)).subarray(0, 20),
  ),
  check("after all of these the model still answers", "OIP Model Ready", async ({ client, subject }) => {
    must(await client.modelReady(subject.name), "the model isn't ready any more");
    await client.infer(subject.name, subject.request());
  }),
];
