import type { IncomingHttpHeaders } from "node:http";
import { FRAME_KIND, binaryPrefix, invocationPrefix } from "../frames.ts";
import type { FrameKind } from "../frames.ts";
import type { InferTarget } from "./prediction-deps.ts";
import type { Refusal } from "./refusal.ts";

/** What a request's body is to a worker. */
export interface BodyKind {
  kind: FrameKind;
  /** Stands before the caller's own bytes. */
  prefix?: Buffer;
}

const MAX_JSON_BYTES = 0xffffffff;

/** From the headers, before the body is read. */
export function bodyKind({ protocol }: InferTarget, headers: IncomingHttpHeaders): BodyKind | Refusal {
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    return { status: 415, message: "compressed bodies aren't supported" };
  if (protocol === "invocations")
    return { kind: FRAME_KIND.invocations, prefix: invocationPrefix(headers["content-type"] ?? "") };
  const jsonBytes = headers["inference-header-content-length"];
  if (jsonBytes === undefined) return { kind: FRAME_KIND[protocol] };
  if (protocol === "v1")
    return { status: 400, message: "the binary data extension belongs to Open Inference V2, …/infer" };
  if (typeof jsonBytes !== "string" || !/^\d{1,10}$/.test(jsonBytes) || Number(jsonBytes) > MAX_JSON_BYTES)
    return {
      status: 400,
      message: `Inference-Header-Content-Length is ${JSON.stringify(jsonBytes).slice(0, 40)}; the number of bytes of the JSON is needed`,
    };
  return { kind: FRAME_KIND.v2Binary, prefix: binaryPrefix(Number(jsonBytes)) };
}
