import { sep } from "node:path";
import { SlipwayError } from "../../http/errors.ts";

const MAX_MESSAGE = 500;

/** Why ONNX Runtime refused a model, as an error that the model's author can act on. */
export function loadError(cause: unknown, modelDir: string): SlipwayError {
  const message = runtimeMessage(cause).replaceAll(modelDir + sep, "");
  const opset = /Opset (\d+) is under development[\s\S]*domain (\S+) is till opset (\d+)/.exec(message);
  if (opset) {
    const [, given = "", domain = "", latest = ""] = opset;
    return tooNew(`opset ${given} of ${domain}`, latest, { given, allowed: `up to ${latest}` });
  }
  const ir = /IR version: (\d+), max supported IR version: (\d+)/.exec(message);
  if (ir) {
    const [, given = "", latest = ""] = ir;
    return tooNew(`ONNX IR version ${given}`, latest, { given, allowed: `up to ${latest}` });
  }
  const type = /Unsupported data type: (\d+)/.exec(message);
  if (type) {
    return new SlipwayError(
      "MODEL_UNSUPPORTED_TYPE",
      `an input or output of the model has ONNX's element type ${type[1]}, which can't be served`,
      { hint: "Let the model cast it to a type that Open Inference V2 knows, such as FP32." },
    );
  }
  if (/bad_alloc|Failed to allocate memory/i.test(message))
    return new SlipwayError("MODEL_OUT_OF_MEMORY", "there isn't enough memory to load the model", { cause });
  return new SlipwayError(
    "MODEL_LOAD_FAILED",
    `ONNX Runtime can't load the model: ${firstLine(message).replace(/^Load model from \S+ failed:\s*/, "")}`,
    {
      cause,
    },
  );
}

function tooNew(what: string, latest: string, facts: { given: string; allowed: string }): SlipwayError {
  return new SlipwayError(
    "MODEL_OPSET",
    `the model is written in ${what}; the ONNX Runtime that would serve it knows up to ${latest}`,
    facts,
  );
}

/** A failed inference in one line. */
export function inferenceError(error: unknown): string {
  return firstLine(runtimeMessage(error));
}

/** Without the place in the runtime's own sources that some messages begin with. */
function runtimeMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\/\S*onnxruntime\/\S+:\d+ [^\n]*?\) (?=[A-Za-z])/g, "");
}

function firstLine(text: string): string {
  const [line = ""] = text.trim().split("\n");
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
