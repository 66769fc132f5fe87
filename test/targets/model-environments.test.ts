import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { ModelEnvironments } from "../../src/serving/model-environments.ts";
import { trimEnvironments } from "../../src/targets/local/engine/environments/trim.ts";
import { missingConverters } from "../../src/targets/local/model-environments/converters.ts";
import { readDeclaration } from "../../src/targets/local/model-environments/declaration.ts";
import { createModelEnvironments } from "../../src/targets/local/model-environments/model-environments.ts";
import { exactPins, satisfies } from "../../src/targets/local/model-environments/pins.ts";
import { seedEnvironment, testPython } from "../support/python-environment.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-environments-"));
});
beforeEach(async () => {
  model = await mkdtemp(join(root, "model-"));
});
afterAll(() => rm(root, { recursive: true }));

async function files(content: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(content)) await writeFile(join(model, name), text);
}

describe("the environment that a model declares", () => {
  it("is python_env.yaml, with what it includes", async () => {
    await files({
      MLmodel: "mlflow_version: 3.17.2\nflavors: {python_function: {env: {virtualenv: python_env.yaml}}}",
      "python_env.yaml":
        "python: 3.11.7\nbuild_dependencies: [pip==23]\ndependencies: ['-r requirements.txt', 'b==2']",
      "requirements.txt": "mlflow==3.17.2\n# a comment\na==1 # why\n\n-r more.txt\n",
      "more.txt": "c[extra]>=1; python_version>'3'\n",
      "conda.yaml": "dependencies: [python=3.9]",
    });
    expect(await readDeclaration(model)).toEqual({
      python: "3.11.7",
      requirements: ["mlflow==3.17.2", "a==1", "c[extra]>=1; python_version>'3'", "b==2"],
      hasLocalFiles: false,
      notes: [],
    });
  });

  it("is the part of conda.yaml that pip installs, and mlflow where it is missing", async () => {
    await files({
      MLmodel: "mlflow_version: 2.9.2\nflavors: {python_function: {env: conda.yaml, python_version: 3.8.1}}",
      "conda.yaml":
        "dependencies: [python=3.10.4, pip<=23, cudatoolkit=11, {pip: ['./w/own-1.0-py3-none-any.whl', 'a==1']}]",
    });
    expect(await readDeclaration(model)).toEqual({
      python: "3.10.4",
      requirements: ["./w/own-1.0-py3-none-any.whl", "a==1", "mlflow==2.9.2"],
      hasLocalFiles: true,
      notes: [
        "packages of conda aren't installed: cudatoolkit=11",
        "it doesn't name mlflow, which loads it: mlflow==2.9.2 was added, which logged it",
      ],
    });
  });

  it("is refused when it isn't there, or lies outside", async () => {
    await expect(readDeclaration(model)).rejects.toMatchObject({ code: "ENVIRONMENT_UNDECLARED" });
    await files({ "requirements.txt": "-r ../../../etc/passwd\n" });
    await expect(readDeclaration(model)).rejects.toMatchObject({ code: "ENVIRONMENT_UNDECLARED" });
    await files({ "python_env.yaml": "python: [" });
    await expect(readDeclaration(model)).rejects.toThrow(/python_env.yaml isn't YAML/);
  });
});

describe("an environment that was built before", () => {
  it("serves a model only when every pin is met exactly", () => {
    expect(exactPins(["a>=1"])).toBeUndefined();
    expect(exactPins(["a[x]==1"])).toBeUndefined();
    expect(exactPins(["./own.whl"])).toBeUndefined();
    const pins = exactPins(["Scikit_Learn == 1.9.1", "zope.interface==5"]) as Map<string, string>;
    const packages = { "scikit-learn": "1.9.1", "zope-interface": "5", other: "1" };
    expect(satisfies({ python: "3.11.2", packages }, "3.11.7", pins)).toBe(true);
    expect(satisfies({ python: "3.12.2", packages }, "3.11.7", pins)).toBe(false);
    expect(
      satisfies({ python: "3.11.2", packages: { ...packages, "scikit-learn": "1.9.1.post1" } }, "3.11", pins),
    ).toBe(false);
    expect(satisfies({ python: "3.11.2", packages: { "scikit-learn": "1.9.1" } }, "3.11", pins)).toBe(false);
  });
});

describe("what converts a model to ONNX", () => {
  const missing = (python: string, packages: Record<string, string>) =>
    missingConverters({ python, packages: { typing_extensions: "4.1", ...packages } });

  it("goes with the environment's Python and protobuf, and is only what it lacks", () => {
    expect(missing("3.11.7", { protobuf: "7.36.2", onnx: "1.20.0", ml_dtypes: "0.5" })).toEqual([
      "skl2onnx==1.20.0",
    ]);
    expect(missing("3.11.7", { protobuf: "5.29.0" })).toContain("onnx==1.17.0");
    expect(missing("3.13.0", { protobuf: "6.30.2" })).toContain("onnx==1.19.1");
    expect(missing("3.12.0", { protobuf: "6.31.1" })).toContain("onnx==1.23.2");
    expect(missing("3.8.18", { protobuf: "3.20.3" })).toContain("skl2onnx==1.17.0");
    expect(missing("3.11.7", { protobuf: "7.0.0" }).join()).not.toContain("onnxmltools");
    expect(missing("3.11.7", { protobuf: "7.0.0", lightgbm: "4.7.0" })).toContain("onnxmltools==1.16.0");
  });
});

describe("environments of models", () => {
  let data: string;
  let environments: ModelEnvironments;
  const end = new AbortController();
  beforeAll(async () => {
    data = await mkdtemp(join(root, "data-"));
    await mkdir(join(data, "logs"));
    seedEnvironment(data);
    environments = await createModelEnvironments({
      dataDir: data,
      clock: systemClock,
      env: {
        PATH: [dirname(testPython()), process.env["PATH"]].join(delimiter),
        HOME: process.env["HOME"] ?? data,
      },
      platform: process.platform,
      pid: process.pid,
      signal: end.signal,
    });
  });
  afterAll(() => end.abort());

  it("are taken from what was built before, else built once, with the installer's words in the log", async () => {
    const version = /^version(?:_info)? = (3\.\d+)/m.exec(
      await readFile(join(dirname(testPython()), "..", "pyvenv.cfg"), "utf8"),
    )?.[1] as string;
    const mlflow = /^mlflow==(.+)$/m.exec(
      await readFile("test/python/requirements.txt", "utf8"),
    )?.[1] as string;
    await files({ "python_env.yaml": `python: ${version}\ndependencies: [mlflow==${mlflow}]` });
    const seeded = join(data, "cache", "environments", "tests", "bin", "python");
    expect(await environments.prepare(model)).toBe(seeded);

    // A package of its own: nothing is fetched.
    await mkdir(join(model, "mlflow-skinny"));
    await writeFile(
      join(model, "mlflow-skinny", "setup.py"),
      "from setuptools import setup; raise SystemExit('no such toolchain')",
    );
    await files({ "python_env.yaml": `python: ${version}\ndependencies: [./mlflow-skinny]`, MLmodel: "{}" });
    await expect(environments.prepare(model)).rejects.toMatchObject({
      code: "ENVIRONMENT_BUILD_FAILED",
      message: expect.stringContaining("installing the model's environment failed") as string,
    });
    const [log = ""] = await readdir(join(data, "logs"));
    expect(await readFile(join(data, "logs", log), "utf8")).toMatch(
      /installing its environment \(Python 3\.\d+\.\d+, uv\)/,
    );
    expect(await readdir(join(data, "cache", "environments"))).toEqual(["tests"]);
  });

  it("name the Pythons that are there when the one asked for isn't", async () => {
    await files({ "python_env.yaml": "python: 3.1.4\ndependencies: [mlflow]" });
    await expect(environments.prepare(model)).rejects.toMatchObject({
      code: "ENVIRONMENT_PYTHON_MISSING",
      message: expect.stringMatching(/asks for Python 3\.1\.4; installed here are 3\.\d+\.\d+/) as string,
    });
  });

  it("go when they are too large together, those first that were used longest ago, and none of today", async () => {
    const folder = await mkdtemp(join(root, "trim-"));
    const day = 24 * 3_600_000;
    const now = Date.now();
    for (const [name, age] of [
      ["old", 3 * day],
      ["older", 4 * day],
      ["today", 1_000],
    ] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "data"), Buffer.alloc(1000) as unknown as Uint8Array);
      await writeFile(join(folder, name, ".complete"), "");
      await utimes(join(folder, name, ".complete"), (now - age) / 1000, (now - age) / 1000);
    }
    await trimEnvironments(folder, 2_500, now);
    expect((await readdir(folder)).sort()).toEqual(["old", "today"]);
    await trimEnvironments(folder, 1, now);
    expect(await readdir(folder)).toEqual(["today"]);
    expect((await stat(join(folder, "today", "data"))).size).toBe(1000);
  });
});
