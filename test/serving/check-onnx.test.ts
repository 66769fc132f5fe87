import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as runtime from "onnxruntime-node";
import proto from "onnx-proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NEWEST, checkOnnx } from "../../src/serving/onnx/check-onnx.ts";
import { readOnnxFile } from "../../src/serving/onnx/onnx-file.ts";
import { linearSoftmax, onnxModel } from "../support/onnx.ts";
import type { GraphSpec } from "../support/onnx.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-onnx-"));
});
afterAll(() => rm(root, { recursive: true }));

const SAME: GraphSpec = {
  inputs: [{ name: "x", type: "FP32", shape: ["n"] }],
  outputs: [{ name: "y", type: "FP32", shape: ["n"] }],
  nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
};

async function check(content: Uint8Array, files: Record<string, number> = {}): Promise<unknown> {
  const folder = await mkdtemp(join(root, "model-"));
  await writeFile(join(folder, "model.onnx"), content);
  for (const [name, bytes] of Object.entries(files))
    await writeFile(join(folder, name), new Uint8Array(bytes));
  return checkOnnx(folder, "model.onnx").then(
    () => "fine",
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );
}

/** A model with a matrix of weights in another file. */
function outside(location: string, length: number): Uint8Array {
  const { onnx } = proto;
  const model = onnx.ModelProto.decode(linearSoftmax());
  const [weights] = model.graph?.initializer ?? [];
  if (weights) {
    weights.floatData = [];
    weights.dataLocation = 1;
    weights.externalData = Object.entries({ location, offset: "16", length: String(length) }).map(
      ([key, value]) => onnx.StringStringEntryProto.create({ key, value }),
    );
  }
  return onnx.ModelProto.encode(model).finish();
}

describe("an ONNX file", () => {
  it("is read without its weights", async () => {
    const path = join(root, "large.onnx");
    // Several windows of the reader long.
    await writeFile(path, linearSoftmax({ features: 40_000 }));
    expect(await readOnnxFile(path)).toEqual({
      irVersion: 7,
      opsets: new Map([["ai.onnx", 13]]),
      inputs: [{ name: "x", kind: "tensor", element: 1 }],
      outputs: [
        { name: "label", kind: "tensor", element: 7 },
        { name: "probabilities", kind: "tensor", element: 1 },
      ],
      external: [],
    });
  });

  it("is left to the runtime when it is none", async () => {
    expect(await check(new Uint8Array(0))).toBe("fine");
    expect(await check(new TextEncoder().encode("no model at all"))).toBe("fine");
    expect(await check(linearSoftmax().subarray(0, 60))).toBe("fine");
  });

  it("is refused in words of its author when no worker could serve it", async () => {
    expect(await check(onnxModel(SAME))).toBe("fine");
    expect(await check(onnxModel({ ...SAME, opset: 99 }))).toMatch(
      /^MODEL_OPSET: the model is written in opset 99 of ai.onnx; .* knows up to \d+$/,
    );
    expect(await check(onnxModel({ ...SAME, irVersion: 99 }))).toMatch(/^MODEL_OPSET: .*IR version 99/);
    const typed = (type: number) => onnxModel({ ...SAME, inputs: [{ name: "x", type, shape: ["n"] }] });
    expect(await check(typed(0))).toBe('MODEL_UNSUPPORTED_TYPE: input "x" of the model says no type');
    expect(await check(typed(16))).toBe('MODEL_UNSUPPORTED_TYPE: input "x" of the model has type bfloat16');
    expect(await check(typed(99))).toContain("of number 99");
    expect(await check(onnxModel({ ...SAME, outputs: [{ name: "y", sequenceOf: "FP32" }] }))).toBe(
      'MODEL_UNSUPPORTED_TYPE: output "y" of the model is a sequence, not a tensor',
    );
  });

  it("brings all of its weights", async () => {
    expect(await check(outside("w.bin", 48), { "w.bin": 64 })).toBe("fine");
    expect(await check(outside("w.bin", 48))).toBe(
      "MODEL_EXTERNAL_DATA: the ONNX model is incomplete: its weights lie in w.bin, which wasn't logged beside it",
    );
    expect(await check(outside("w.bin", 48), { "w.bin": 63 })).toContain(
      "need 64 bytes, but the file has 63",
    );
    for (const place of ["/etc/passwd", "../w.bin", ""])
      expect(await check(outside(place, 48))).toContain("isn't below the model's folder");
  });

  it("may be as new as the runtime takes, and no newer", async () => {
    const opset = NEWEST.opsets.get("ai.onnx") as number;
    const loads = async (more: Partial<GraphSpec>) => {
      const session = await runtime.InferenceSession.create(onnxModel({ ...SAME, ...more }), {
        logSeverityLevel: 4,
      });
      await session.release();
    };
    await loads({ opset, irVersion: NEWEST.ir });
    await expect(loads({ opset: opset + 1 })).rejects.toThrow(/pset/);
    await expect(loads({ irVersion: NEWEST.ir + 1 })).rejects.toThrow(/IR version/);
  });
});
