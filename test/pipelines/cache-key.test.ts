import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cacheKey,
  coveredFiles,
  explainMiss,
  missingInputs,
  type KeyParts,
} from "../../src/pipelines/cache-key.ts";
import { matcher } from "../../src/pipelines/glob.ts";

const parts = (more: Partial<KeyParts> = {}): KeyParts => ({
  command: "python train.py",
  params: { lr: "0.1" },
  files: { "train.py": "a", "data/raw.csv": "b" },
  needs: { "features: features.csv": "c" },
  outputs: ["model.onnx"],
  environment: "e",
  env: {},
  ...more,
});

describe("cache key", () => {
  it("doesn't depend on the order in which things are named", () => {
    const record = fc.dictionary(fc.string(), fc.string(), { maxKeys: 6 });
    fc.assert(
      fc.property(record, record, (files, params) => {
        const reversed = (from: Record<string, string>): Record<string, string> =>
          Object.fromEntries(Object.entries(from).reverse());
        expect(cacheKey(parts({ files: reversed(files), params: reversed(params) }))).toBe(
          cacheKey(parts({ files, params })),
        );
      }),
    );
  });

  it("is another one as soon as anything differs, and the reason names it", () => {
    const changes: [Partial<KeyParts>, string][] = [
      [{ files: { "train.py": "a", "data/raw.csv": "x" } }, "inputs changed: data/raw.csv"],
      [{ files: { "train.py": "a" } }, "inputs changed: data/raw.csv"],
      [{ needs: {} }, "outputs of needed steps changed: features: features.csv"],
      [{ command: "python train2.py" }, "command changed"],
      [{ params: { lr: "0.2" } }, "params changed: lr 0.1 → 0.2"],
      [{ environment: "f" }, "step environment changed"],
      [{ env: { TZ: "UTC" } }, "variables changed: TZ"],
      [{ outputs: [] }, "declared outputs changed"],
    ];
    for (const [change, reason] of changes) {
      expect(cacheKey(parts(change))).not.toBe(cacheKey(parts()));
      expect(explainMiss(parts(), parts(change))).toBe(reason);
    }
    expect(explainMiss(undefined, parts())).toBe("nothing kept of an earlier run of this step");
  });

  it("names three of many changes and counts the rest", () => {
    const files = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, "1"]));
    expect(explainMiss(parts({ files: {} }), parts({ files }))).toBe("inputs changed: a, b, c and 2 more");
  });
});

describe("what a step's key covers", () => {
  const tree = new Map(
    ["train.py", "lib/util.py", "data/raw.csv", "README.md", "slipway.yaml"].map((path) => [
      path,
      `hash of ${path}`,
    ]),
  );
  const covered = (run: string, inputs: string[]): string[] =>
    Object.keys(coveredFiles({ run, inputs }, tree)).sort();

  it("is the whole commit when no input is declared, without the spec, whose parts count one by one", () => {
    expect(covered("python train.py", [])).toEqual(["README.md", "data/raw.csv", "lib/util.py", "train.py"]);
  });

  it("is the data and all code when only data is declared: an import can't be seen from outside", () => {
    expect(covered("python train.py", ["data/raw.csv"])).toEqual(["data/raw.csv", "lib/util.py", "train.py"]);
  });

  it("is what is declared once code is declared, and always what the command names", () => {
    expect(covered("python ./train.py --x=README.md", ["lib/*.py"])).toEqual([
      "README.md",
      "lib/util.py",
      "train.py",
    ]);
  });
});

describe("inputs as globs", () => {
  it.each([
    ["data", "data/raw.csv", true],
    ["data/", "data/a/b.csv", true],
    ["./data/raw.csv", "data/raw.csv", true],
    ["data/*.csv", "data/raw.csv", true],
    ["data/*.csv", "data/a/raw.csv", false],
    ["data/**/*.csv", "data/a/b/raw.csv", true],
    ["data/**/*.csv", "data/raw.csv", true],
    ["**/*.py", "a.py", true],
    ["raw.csv", "rawxcsv", false],
    ["ra?.csv", "raw.csv", true],
    ["database", "data/raw.csv", false],
    [".", "anything", true],
  ])("%s against %s", (pattern, path, expected) => {
    expect(matcher(pattern)(path)).toBe(expected);
  });

  it("finds declared inputs that nothing provides", () => {
    expect(missingInputs(["a.csv", "data/*.csv"], ["data/b.csv"])).toEqual(["a.csv"]);
  });
});
