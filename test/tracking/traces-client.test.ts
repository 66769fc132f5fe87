import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMlflowScript } from "./mlflow-script.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
let seen: Record<string, Record<string, unknown>>;

/** Runs the script once; each test looks at a part of what the client saw. */
beforeAll(async () => {
  platform = await startPlatform();
  seen = (await runMlflowScript(platform, "mlflow_traces")) as typeof seen;
}, 240_000);
afterAll(() => platform?.close());

describe("traces of the unchanged mlflow client", () => {
  it("come back with their spans, values and types", () =>
    expect(seen).toMatchObject({
      trace: [
        "OK",
        "answer",
        [
          ["answer", "LLM", false],
          ["look up", "UNKNOWN", true],
        ],
      ],
      attributes: [2, 1152921504606846976, [1, 2.5, null, "ä"], true],
      types: ["float", "int"],
      inputs: [{ question: "b?", n: 1 }, "b? 1"],
      previews: ['{"question": "b?", "n": 1}', '"b? 1"'],
      usage: { input_tokens: 10, output_tokens: 1, total_tokens: 11 },
      location: "TRACKING_STORE",
      failed: ["ERROR", "ERROR", "exception"],
      missing: "RESOURCE_DOES_NOT_EXIST",
    }));

  it("are searched by attributes, tags, metadata and what their spans hold", () => {
    expect(seen["all"]).toEqual([4, 3, 2, 1, 0]);
    expect(Object.values(seen["filters"] ?? {})).toEqual([
      [3],
      [1],
      [2, 1],
      [4, 3, 2, 1, 0],
      [4, 3, 2, 1, 0],
      [4, 3, 2, 1, 0],
      [],
      [3],
      [4, 3, 2, 1, 0],
      [2],
      [4, 3, 2, 1, 0],
      [4],
      [4, 3, 2, 1],
      [0],
    ]);
  });

  it("are searched in order and by pages", () =>
    expect(seen).toMatchObject({ ordered: [4, 3, 2, 1, 0], pages: [[4, 3], [2, 1], [0]], frame: 2 }));

  it("have feedback and expectations, which can be changed, overridden, deleted and searched for", () => {
    expect(seen).toMatchObject({
      changed: [false, "not quite", { k: "v", l: "w" }, "ann"],
      valid: [false, true],
      valid_again: true,
      expectation: { a: [1, 2] },
      error: ["ValueError"],
    });
    expect(Object.values(seen["by_assessment"] ?? {})).toEqual([[0], [1], [], [0], [2, 0]]);
  });

  it("have tags, and links to tracking runs", () =>
    expect(seen).toMatchObject({ tagged: [0], untagged: [], linked: [0] }));

  it("are correlated and deleted", () =>
    expect(seen).toMatchObject({ correlation: [1, 1, 1, 5], deleted: 2, deleted_old: 2, left: 2 }));

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
