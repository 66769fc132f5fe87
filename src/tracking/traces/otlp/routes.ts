import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../../../http/errors.ts";
import { bytesOf } from "../../../base/bytes.ts";
import type { Database } from "../../../store/database.ts";
import { experimentNumber } from "../../experiments/queries.ts";
import { invalid } from "../../wire/errors.ts";
import { mlflowScope, type LogDefect } from "../../wire/routes.ts";
import { groupSpans } from "../group-spans.ts";
import { logSpans } from "../log-spans.ts";
import { MAX_OTLP_BYTES, OtlpGate, readBody, unpack } from "./body.ts";
import { decodeJson } from "./json.ts";
import { decodeProtobuf } from "./protobuf.ts";
import { OtlpError, type ResourceSpans } from "./request.ts";

/** Spans of one request. */
const MAX_SPANS = 10_000;

const TYPES = { "application/x-protobuf": decodeProtobuf, "application/json": decodeJson } as const;
type ContentType = keyof typeof TYPES;

interface OtlpDeps {
  db: Database;
  logDefect: LogDefect;
}

/**
 * `POST /v1/traces`: OpenTelemetry's export of spans over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), as
 * protobuf or JSON. The header `x-mlflow-experiment-id` says where they go. One request is one write: kept whole or not at all,
 * but for single spans that are too large, which the answer counts as rejected.
 */
export function otlpRoutes(app: FastifyInstance, { db, logDefect }: OtlpDeps): void {
  const gate = new OtlpGate();
  void app.register(async (scope) => {
    mlflowScope(scope, logDefect);
    scope.removeAllContentTypeParsers();
    // Handed on as a stream: how it is read depends on its headers, which are checked before.
    scope.addContentTypeParser(
      "*",
      (_: FastifyRequest, body: Readable, done: (error: null, body: Readable) => void) => done(null, body),
    );
    scope.post(
      "/v1/traces",
      { schema: { hide: true }, config: { access: "write" } },
      async (request, reply) => {
        const type = contentType(request);
        const experiment = experimentOf(request);
        const runId = header(request, "x-mlflow-run-id") ?? null;
        // Packed bytes may unpack to the whole limit.
        const declared = Number(request.headers["content-length"] ?? MAX_OTLP_BYTES);
        const room = request.headers["content-encoding"] === undefined ? declared : MAX_OTLP_BYTES;
        return gate.hold(Math.min(room, MAX_OTLP_BYTES), async () => {
          const read = await readBody(request.body as Readable);
          const body = await unpack(read, header(request, "content-encoding"));
          const { traces, refused } = groupSpans(decode(type, body));
          const workspace = request.identity.tenant;
          // Read only now: what is wrong with the body is said first, as MLflow does.
          const args = { workspace, experimentId: experimentNumber(experiment), runId, traces };
          const full = await db.write(logSpans, args);
          return answer(reply, type, refused + full);
        });
      },
    );
  });
}

function contentType(request: FastifyRequest): ContentType {
  const given = header(request, "content-type");
  const type = given?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-protobuf" || type === "application/json") return type;
  throw invalid(
    `Invalid Content-Type: ${given?.slice(0, 100) ?? "none"}. Expected: application/x-protobuf or application/json.`,
  );
}

function experimentOf(request: FastifyRequest): string {
  const id = header(request, "x-mlflow-experiment-id");
  if (id === undefined) {
    throw new SlipwayError("TRACE_EXPERIMENT_MISSING", "the header x-mlflow-experiment-id is missing");
  }
  return id;
}

function decode(type: ContentType, body: Buffer): ResourceSpans[] {
  let spans: ResourceSpans[];
  try {
    spans = TYPES[type](bytesOf(body));
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error;
    if (error.kind === "span")
      throw new SlipwayError("TRACE_SPAN_INVALID", `a span can't be kept: ${error.message}`);
    throw invalid(
      `Invalid OpenTelemetry format: ${error.message}. Invalid Content-Type, if the body isn't ${type}.`,
    );
  }
  if (spans.length === 0) throw invalid("Invalid OpenTelemetry format - no spans found.");
  const count = spans.reduce((sum, item) => sum + item.spans.length, 0);
  if (count > MAX_SPANS) throw invalid(`A request holds at most ${MAX_SPANS} spans, not ${count}.`);
  return spans;
}

/** ExportTraceServiceResponse in the request's own encoding. */
function answer(reply: FastifyReply, type: ContentType, rejected: number): FastifyReply {
  const why = "These spans, or their traces, are larger than what is kept.";
  reply.type(type);
  if (type === "application/json") {
    const partial = { rejectedSpans: String(rejected), errorMessage: why };
    return reply.send(JSON.stringify(rejected === 0 ? {} : { partialSuccess: partial }));
  }
  if (rejected === 0) return reply.send(Buffer.alloc(0));
  const text = Buffer.from(why);
  const partial = [0x08, ...varint(rejected), 0x12, ...varint(text.length), ...text];
  return reply.send(Buffer.from([0x0a, ...varint(partial.length), ...partial]));
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))];
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
