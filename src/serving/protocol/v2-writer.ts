import { writeRaw } from "./raw.ts";
import { elements } from "./tensor.ts";
import type { Tensor, TensorPort } from "./tensor.ts";
import type { InferRequest } from "./v2.ts";

/** Writes Open Inference V2 answers of one model version. What is the same in all answers is made once. */
export class V2Writer {
  readonly #head: string;
  readonly #ports: readonly string[];
  readonly #all: readonly number[];

  constructor(model: string, version: number, outputs: readonly TensorPort[]) {
    this.#head = `{"model_name":${JSON.stringify(model)},"model_version":"${version}"`;
    this.#ports = outputs.map(
      ({ name, datatype }) => `{"name":${JSON.stringify(name)},"datatype":"${datatype.name}","shape":[`,
    );
    this.#all = outputs.map((_, index) => index);
  }

  /** All outputs as JSON. */
  write(request: InferRequest, outputs: readonly Tensor[]): string {
    let text = this.#begin(request);
    let separator = "";
    const wanted = request.outputs ?? this.#all;
    for (const index of wanted) {
      const { datatype, data, shape, start } = outputs[index] as Tensor;
      text += `${separator}${this.#ports[index]}${shape.join(",")}],"data":[${datatype.toJson(data, start, start + elements(shape))}]}`;
      separator = ",";
    }
    return `${text}]}`;
  }

  /** The JSON, and the raw tensors of the outputs that were asked for so, in the order in which the JSON names them. */
  writeBinary(request: InferRequest, outputs: readonly Tensor[]): { json: string; raw: Buffer[] } {
    const raw: Buffer[] = [];
    const tensors = (request.outputs ?? this.#all).map((index) => {
      const tensor = outputs[index] as Tensor;
      const { datatype, data, shape, start } = tensor;
      const head = `${this.#ports[index]}${shape.join(",")}]`;
      if (request.binary !== "all" && request.binary?.includes(index) !== true)
        return `${head},"data":[${datatype.toJson(data, start, start + elements(shape))}]}`;
      const bytes = writeRaw(tensor);
      raw.push(bytes);
      return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
    });
    return { json: `${this.#begin(request)}${tensors.join(",")}]}`, raw };
  }

  #begin({ id }: InferRequest): string {
    return id === undefined
      ? `${this.#head},"outputs":[`
      : `${this.#head},"id":${JSON.stringify(id)},"outputs":[`;
  }
}
