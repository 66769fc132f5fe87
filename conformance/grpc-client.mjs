// The client of one server over gRPC; what it shares with rest-client.mjs has the same names and takes the same values.
// Errors are Refused with the HTTP status of the same meaning; a `call` of one's own checks what only gRPC can carry.
import { once } from "node:events";
import { connect } from "node:http2";
import { Refused } from "./outcome.mjs";
import { decode, encode } from "./protobuf.mjs";
import { rawOf, valuesOf } from "./tensors.mjs";

const SERVICE = "inference.GRPCInferenceService";
const WITHIN_MS = 20_000;
const PREFIX = 5;
/** gRPC's status codes: their names, and the HTTP statuses of the same meaning. */
const CODES = [
  ["OK", 200],
  ["CANCELLED", 499],
  ["UNKNOWN", 500],
  ["INVALID_ARGUMENT", 400],
  ["DEADLINE_EXCEEDED", 504],
  ["NOT_FOUND", 404],
  ["ALREADY_EXISTS", 409],
  ["PERMISSION_DENIED", 403],
  ["RESOURCE_EXHAUSTED", 429],
  ["FAILED_PRECONDITION", 400],
  ["ABORTED", 409],
  ["OUT_OF_RANGE", 400],
  ["UNIMPLEMENTED", 501],
  ["INTERNAL", 500],
  ["UNAVAILABLE", 503],
  ["DATA_LOSS", 500],
  ["UNAUTHENTICATED", 401],
];

/** The field of typed contents that holds a datatype. */
export const CONTENTS = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

/** @param {string} address host and port */
export function grpcClient(address, { token } = {}) {
  const session = connect(`http://${address.replace(/^\w+:\/\//, "")}`);
  let broken;
  session.on("error", (error) => (broken = error));

  /** Sends these bytes as they are; answers gRPC's status by name, its message, and the answer's messages. */
  async function send(method, bytes, headers = {}) {
    if (broken !== undefined || session.destroyed)
      throw broken ?? new Error("the server closed the connection");
    const stream = session.request({
      ":method": "POST",
      ":path": method.startsWith("/") ? method : `/${SERVICE}/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    });
    stream.setTimeout(WITHIN_MS, () => stream.destroy(new Error(`no answer within ${WITHIN_MS / 1_000} s`)));
    const metadata = {};
    const chunks = [];
    let failure;
    stream.on("response", (given) => Object.assign(metadata, given));
    stream.on("trailers", (given) => Object.assign(metadata, given));
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("error", (error) => (failure = error));
    stream.end(bytes);
    await once(stream, "close").catch(() => undefined);
    const [code, status] = CODES[metadata["grpc-status"]] ?? [];
    if (code === undefined)
      throw (
        failure ?? broken ?? new Error(`${method} ended without a grpc-status (HTTP ${metadata[":status"]})`)
      );
    const message = decodeURIComponent(metadata["grpc-message"] ?? "");
    return { code, status, message, metadata, messages: cut(Buffer.concat(chunks)) };
  }

  /** The one message of an answer with OK; Refused for another status. */
  async function call(method, bytes, answer) {
    const { code, status, message, messages } = await send(method, framed(bytes));
    if (code !== "OK") throw new Refused(status, `${code}: ${message}`);
    if (messages.length !== 1) throw new Error(`${method} answers OK with ${messages.length} messages`);
    return decode(answer, messages[0]);
  }

  /** @param kind raw, as most clients send, or typed */
  async function infer(name, request, version, kind = "raw") {
    const bytes = encode("InferRequest", inferRequest(name, request, version, kind));
    return plainAnswer(await call("ModelInfer", bytes, "InferResponse"));
  }

  const model = (name, version) => encode("ModelRequest", { name, version });
  return {
    transport: "grpc",
    send,
    call,
    infer,
    live: async () => (await call("ServerLive", Buffer.alloc(0), "Live")).live,
    ready: async () => (await call("ServerReady", Buffer.alloc(0), "Ready")).ready,
    /** Servers say of an unknown model that it isn't ready, or that it isn't known. */
    async modelReady(name, version) {
      try {
        return (await call("ModelReady", model(name, version), "Ready")).ready;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) return false;
        throw error;
      }
    },
    serverMetadata: () => call("ServerMetadata", Buffer.alloc(0), "ServerMetadata"),
    modelMetadata: (name, version) => call("ModelMetadata", model(name, version), "ModelMetadata"),
    /** By the repository's index; none where the server has no such method. */
    async listModels() {
      try {
        const { models } = await call("RepositoryIndex", Buffer.alloc(0), "RepositoryIndex");
        return [...new Set(models.map(({ name }) => name))];
      } catch (error) {
        if (error instanceof Refused) return [];
        throw error;
      }
    },
    async close() {
      session.destroy();
    },
  };
}

/** A message behind its prefix. */
export function framed(message, flag = 0) {
  const prefix = Buffer.alloc(PREFIX);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function cut(bytes) {
  const messages = [];
  for (let at = 0; at + PREFIX <= bytes.length;) {
    const end = at + PREFIX + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + PREFIX, end));
    at = end;
  }
  return messages;
}

/** The request as REST has it, as fields of a ModelInferRequest. */
export function inferRequest(name, { id, inputs, outputs }, version, kind) {
  const canBeTyped = inputs.every(({ datatype }) => datatype in CONTENTS);
  const isRaw = kind === "raw" || !canBeTyped;
  return {
    model_name: name,
    ...(version === undefined ? {} : { model_version: version }),
    ...(id === undefined ? {} : { id }),
    inputs: inputs.map(({ data, ...input }) =>
      isRaw ? input : { ...input, contents: { [CONTENTS[input.datatype]]: data } },
    ),
    ...(outputs === undefined ? {} : { outputs }),
    // A datatype that nobody knows has no bytes: four for each value will do.
    ...(isRaw
      ? {
          raw_input_contents: inputs.map(
            ({ datatype, data }) => rawOf(datatype, data) ?? Buffer.alloc(4 * data.length),
          ),
        }
      : {}),
  };
}

/** The answer as REST has it. */
function plainAnswer({ raw_output_contents: raw, outputs, ...answer }) {
  return {
    ...answer,
    outputs: outputs.map(({ contents, ...output }, index) => ({
      ...output,
      data: raw.length > 0 ? valuesOf(output.datatype, raw[index]) : typedValues(output.datatype, contents),
    })),
    isRaw: raw.length > 0,
  };
}

function typedValues(datatype, contents) {
  const values = contents?.[CONTENTS[datatype]] ?? [];
  return datatype === "BYTES" ? values.map((bytes) => bytes.toString("utf8")) : values;
}
