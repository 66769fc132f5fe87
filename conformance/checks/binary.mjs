import { NotOffered, Refused, must, mustRefuse } from "../outcome.mjs";
import { path } from "../rest-client.mjs";
import { alike, rawOf, valuesOf } from "../tensors.mjs";

export const area = "binary tensor data";
const CLAUSE = "Triton binary tensor data extension";
const HEADER = "inference-header-content-length";

/** A valid request whose tensors are raw; `change` may lie in its JSON. */
function rawRequest(subject, { change = () => undefined, raw: given, more = {} } = {}) {
  const request = subject.request(more);
  const raw = request.inputs.map(({ datatype, data }) => rawOf(datatype, data));
  if (raw.includes(undefined)) throw new NotOffered("an input has a datatype that this suite can't write");
  for (const [index, input] of request.inputs.entries()) {
    delete input.data;
    input.parameters = { binary_data_size: raw[index].length };
  }
  change(request);
  return { json: Buffer.from(JSON.stringify(request)), raw: given ?? Buffer.concat(raw) };
}

/** Sends it and reads the answer, raw or JSON; Refused when it is refused. */
async function ask(client, name, { json, raw }, header = String(json.length)) {
  const { status, headers, bytes } = await client.send("POST", `${path(name)}/infer`, {
    body: Buffer.concat([json, raw]),
    headers: { [HEADER]: header, "content-type": "application/octet-stream" },
  });
  return readAnswer(status, headers, bytes);
}

function readAnswer(status, headers, bytes) {
  const jsonBytes = headers.get(HEADER) === null ? bytes.length : Number(headers.get(HEADER));
  let answer;
  try {
    answer = JSON.parse(bytes.toString("utf8", 0, jsonBytes));
  } catch {
    throw new Error(`answers ${status} and something that isn't JSON`);
  }
  if (status !== 200) {
    if (typeof answer.error === "string") throw new Refused(status, answer.error);
    throw new Error(`answers ${status} without {"error": string}`);
  }
  let at = jsonBytes;
  for (const output of answer.outputs) {
    const size = output.parameters?.binary_data_size;
    output.isRaw = size !== undefined;
    if (!output.isRaw) continue;
    must(output.data === undefined, `output ${output.name} has both data and binary_data_size`);
    output.data = valuesOf(output.datatype, bytes.subarray(at, at + size)) ?? [];
    output.isUnread = output.data.length === 0;
    at += size;
  }
  must(
    at === bytes.length,
    `the sizes of the outputs add up to ${at - jsonBytes}, ${bytes.length - jsonBytes} bytes follow the JSON`,
  );
  return answer;
}

/** Servers that don't name their extensions are asked. */
async function mustOffer(client, subject, request) {
  const { extensions = [] } = await client.serverMetadata();
  if (extensions.includes("binary_tensor_data")) return;
  try {
    await ask(client, subject.name, request);
  } catch (error) {
    throw new NotOffered(`the server doesn't name it, and ${error.message.slice(0, 80)}`);
  }
}

function check(name, run) {
  return {
    name,
    clause: CLAUSE,
    transport: "rest",
    async run(context) {
      await mustOffer(context.client, context.subject, rawRequest(context.subject));
      await run(context);
    },
  };
}

const dataOf = ({ outputs }) => outputs.filter(({ isUnread }) => isUnread !== true).map(({ data }) => data);

/** The same outputs as from the request in JSON. */
async function mustBeAsJson({ client, subject }, answer) {
  const json = await client.infer(subject.name, subject.request());
  const same = json.outputs.filter(({ name }) =>
    answer.outputs.some((one) => one.name === name && one.isUnread !== true),
  );
  must(
    alike(
      dataOf(answer),
      same.map(({ data }) => data),
    ),
    "the answer isn't the one to the same request in JSON",
  );
}

export const checks = [
  check("raw inputs are taken", async (context) => {
    const { client, subject } = context;
    await mustBeAsJson(context, await ask(client, subject.name, rawRequest(subject)));
  }),
  check("all outputs are raw with binary_data_output", async (context) => {
    const { client, subject } = context;
    const answer = await ask(
      client,
      subject.name,
      rawRequest(subject, { more: { parameters: { binary_data_output: true } } }),
    );
    must(
      answer.outputs.every(({ isRaw }) => isRaw),
      "an output is JSON",
    );
    await mustBeAsJson(context, answer);
  }),
  check("one output is raw with binary_data, the others aren't", async (context) => {
    const { client, subject } = context;
    const outputs = subject.metadata.outputs.map(({ name }, index) => ({
      name,
      parameters: { binary_data: index === 0 },
    }));
    const answer = await ask(client, subject.name, rawRequest(subject, { more: { outputs } }));
    for (const { name, isRaw } of answer.outputs)
      must(isRaw === (name === outputs[0].name), `output ${name} is ${isRaw ? "raw" : "JSON"}`);
    await mustBeAsJson(context, answer);
  }),
  check("raw outputs are given to a request in JSON", async (context) => {
    const { client, subject } = context;
    const { status, headers, bytes } = await client.send("POST", `${path(subject.name)}/infer`, {
      body: subject.request({ parameters: { binary_data_output: true } }),
    });
    const answer = readAnswer(status, headers, bytes);
    must(
      answer.outputs.every(({ isRaw }) => isRaw),
      "an output is JSON",
    );
    await mustBeAsJson(context, answer);
  }),
  ...[
    [
      "a binary_data_size that is too small",
      { change: ({ inputs }) => (inputs[0].parameters.binary_data_size -= 1) },
    ],
    [
      "a binary_data_size that is too large",
      { change: ({ inputs }) => (inputs[0].parameters.binary_data_size += 1) },
    ],
    [
      "a binary_data_size beyond all bytes",
      { change: ({ inputs }) => (inputs[0].parameters.binary_data_size = 2 ** 40) },
    ],
    ["a negative binary_data_size", { change: ({ inputs }) => (inputs[0].parameters.binary_data_size = -1) }],
    [
      "a binary_data_size that isn't a number",
      { change: ({ inputs }) => (inputs[0].parameters.binary_data_size = "all") },
    ],
    ["a shape of more values than bytes", { change: ({ inputs }) => (inputs[0].shape[0] += 1) }],
    ["no bytes at all", { raw: Buffer.alloc(0) }],
  ].map(([what, lie]) =>
    check(`${what} is refused`, ({ client, subject }) =>
      mustRefuse(() => ask(client, subject.name, rawRequest(subject, lie))),
    ),
  ),
  check("bytes behind the last tensor are refused", ({ client, subject }) => {
    const { json, raw } = rawRequest(subject);
    return mustRefuse(() => ask(client, subject.name, { json, raw: Buffer.concat([raw, Buffer.alloc(8)]) }));
  }),
  ...["999999", "-1", "ten"].map((header) =>
    check(`Inference-Header-Content-Length: ${header} is refused`, ({ client, subject }) =>
      mustRefuse(() => ask(client, subject.name, rawRequest(subject), header)),
    ),
  ),
  check("BYTES whose length prefix lies are refused", async ({ client, subjects }) => {
    const subject = subjects.find(({ first }) => first.datatype === "BYTES");
    if (subject === undefined) throw new NotOffered("no model that is checked has a first input of BYTES");
    const lie = rawRequest(subject);
    lie.raw.writeUInt32LE(0xffffffff, 0);
    await mustRefuse(() => ask(client, subject.name, lie));
  }),
  check("BYTES are taken raw", async ({ client, subjects }) => {
    const subject = subjects.find(({ first }) => first.datatype === "BYTES");
    if (subject === undefined) throw new NotOffered("no model that is checked has a first input of BYTES");
    await mustBeAsJson({ client, subject }, await ask(client, subject.name, rawRequest(subject)));
  }),
];
