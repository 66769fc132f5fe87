import { FRAME_KIND, decodeBinary, decodeInvocation, encodeBinary } from "../frames.ts";
import { BadInput } from "../protocol/bad-input.ts";
import { readInvocation, writeInvocation } from "../protocol/invocations.ts";
import { RawTensors } from "../protocol/raw.ts";
import type { Tensor } from "../protocol/tensor.ts";
import { readV1, writeV1 } from "../protocol/v1.ts";
import { V2Writer } from "../protocol/v2-writer.ts";
import { readV2 } from "../protocol/v2.ts";
import type { InferRequest } from "../protocol/v2.ts";
import type { Model } from "./model.ts";

/** Kinds of frames that ask for an inference. */
export type InferenceKind = (typeof FRAME_KIND)["v1" | "v2" | "v2Binary" | "invocations"];

/** Reads requests to one model version and writes its answers, in whichever protocol. */
export class WireFormat {
  readonly #model: Model;
  readonly #v2: V2Writer;

  constructor(model: Model, service: string, version: number) {
    this.#model = model;
    this.#v2 = new V2Writer(service, version, model.outputs);
  }

  /** Throws BadInput. */
  read(kind: InferenceKind, body: Buffer): InferRequest {
    switch (kind) {
      case FRAME_KIND.v2:
        return readV2(body, this.#model);
      case FRAME_KIND.v1:
        return readV1(body, this.#model);
      case FRAME_KIND.v2Binary: {
        const parts = decodeBinary(body);
        if (parts === undefined)
          throw new BadInput("Inference-Header-Content-Length is larger than the body");
        return readV2(parts.json, this.#model, new RawTensors(parts.raw));
      }
      case FRAME_KIND.invocations: {
        const { mediaType, bytes } = invocationOf(body);
        return readInvocation(mediaType, bytes, this.#model, this.#model.invocation);
      }
    }
  }

  /** JSON, or bytes in the layout of v2Binary. */
  write(kind: InferenceKind, request: InferRequest, outputs: readonly Tensor[]): string | Buffer {
    const ports = this.#model.outputs;
    switch (kind) {
      case FRAME_KIND.v2:
        if (request.binary === undefined) return this.#v2.write(request, outputs);
        return this.#writeBinary(request, outputs);
      case FRAME_KIND.v1:
        return writeV1(ports, outputs);
      case FRAME_KIND.v2Binary:
        return this.#writeBinary(request, outputs);
      case FRAME_KIND.invocations:
        return writeInvocation(ports, outputs, request.isTable === true, this.#model.invocation);
    }
  }

  #writeBinary(request: InferRequest, outputs: readonly Tensor[]): Buffer {
    const { json, raw } = this.#v2.writeBinary(request, outputs);
    return encodeBinary(json, raw);
  }
}

/** The parts of an invocations frame; throws BadInput. */
export function invocationOf(body: Buffer): { mediaType: string; bytes: Buffer } {
  const parts = decodeInvocation(body);
  if (parts === undefined) throw new BadInput("the frame is cut off");
  return parts;
}
