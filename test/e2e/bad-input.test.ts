import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { INFER, SUMMANDS, startAdder, type AdderPlatform } from "./adder.ts";
import { api, eventually, git, newFolder, removeFolder, run, slipway } from "./platform.ts";
import { ADDER, STRANGER, TABLE, modelProject, workTree, type Files } from "./projects.ts";

const STACK = /\n\s+at .+:\d+:\d+/;

/** A folder to be the whole PATH: what the platform needs, and nothing else. */
async function pathWith(...tools: string[]): Promise<string> {
  const folder = newFolder("path");
  for (const tool of tools) {
    const { output } = await run("sh", ["-c", `command -v ${tool}`]);
    symlinkSync(output.trim(), join(folder, tool));
  }
  return folder;
}

/** A project of one step, without a model. */
const project = (name: string, step: string, more = ""): Files => ({
  "slipway.yaml": `apiVersion: slipway/v1\nkind: Project\nname: ${name}\n${more}pipeline: { steps: [{ name: only, ${step} }] }\n`,
});

describe("bad input", () => {
  let path: string;
  let platform: AdderPlatform;
  const folders: string[] = [];

  beforeAll(async () => {
    path = await pathWith("git", "node", "sh");
    platform = await startAdder("bad-input", { PATH: path });
  });
  afterAll(async () => {
    await platform.checkAndStop();
    [path, ...folders].forEach(removeFolder);
  });

  async function push(name: string, files: Files): Promise<{ code: number | null; output: string }> {
    const work = await workTree(files);
    folders.push(work);
    const pushed = await git(work, "push", `${platform.gitUrl}/${name}.git`, "HEAD:main");
    expect(pushed.output).not.toMatch(STACK);
    return pushed;
  }

  describe("slipway up refuses, with exit code, code and hint", () => {
    async function refused(args: string[], env: Record<string, string> = {}) {
      const [node, command] = [process.execPath, resolve("bin/slipway")];
      const answer = await run(node, [command, "up", "--port", "0", ...args], { env });
      expect(answer.output).not.toMatch(STACK);
      expect(answer.output).toMatch(/→ .+ \([A-Z_]+\)/);
      return answer;
    }
    const fresh = (): string => {
      const folder = newFolder("refused");
      folders.push(folder);
      return folder;
    };

    test("a port in use", async () => {
      const other = createServer().listen(0, "127.0.0.1");
      await once(other, "listening");
      const { port } = other.address() as AddressInfo;
      const { code, output } = await refused(["--data", fresh(), "--port", String(port)]);
      other.close();
      expect(code).toBe(4);
      expect(output).toContain(`port ${port} is in use`);
      expect(output).toContain("(PORT_IN_USE)");
    });

    test("a data folder of a newer version, which it leaves as it was", async () => {
      const data = fresh();
      writeFileSync(join(data, "version.json"), JSON.stringify({ format: 99, slipway: "9.1.0" }));
      const { code, output } = await refused(["--data", data]);
      expect(code).toBe(4);
      expect(output).toContain("9.1.0");
      expect(output).toContain("(DATA_NEWER)");
    });

    test("a data folder that isn't one of ours", async () => {
      const data = fresh();
      writeFileSync(join(data, "version.json"), "{");
      expect(await refused(["--data", data])).toMatchObject({
        code: 1,
        output: expect.stringContaining("(DATA_UNUSABLE)") as unknown,
      });
      rmSync(join(data, "version.json"));
      writeFileSync(join(data, "slipway.db"), "not a database at all, whatever its name says".repeat(50));
      expect((await refused(["--data", data])).output).toContain("(STORE_CORRUPT)");
    });

    test("a data folder that another platform holds; that one goes on", async () => {
      const { code, output } = await refused(["--data", platform.dataDir]);
      expect(code).toBe(4);
      expect(output).toContain(`pid ${platform.pid}`);
      expect(output).toContain("(DATA_IN_USE)");
    });

    test("a machine without git", async () => {
      const { code, output } = await refused(["--data", fresh()], { PATH: "/nonexistent" });
      expect(code).toBe(1);
      expect(output).toContain("(GIT_MISSING)");
    });

    test("a folder that may not be written to", async () => {
      if (process.getuid?.() === 0) {
        // Root may write everywhere, except where no folder can be.
        const { code, output } = await refused(["--data", "/dev/null/data"]);
        expect(code).toBe(1);
        expect(output).toContain("(DATA_UNUSABLE)");
        return;
      }
      const data = fresh();
      chmodSync(data, 0o500);
      const { output } = await refused(["--data", join(data, "inner")]);
      expect(output).toContain("(DATA_UNUSABLE)");
    });

    test("an address that isn't this machine's", async () => {
      const { output } = await refused(["--data", fresh(), "--host", "192.0.2.1"]);
      expect(output).toContain("(ADDRESS_UNUSABLE)");
    });
  });

  test("an unknown template: the known ones are named and nothing is made", async () => {
    const folder = join(newFolder("template"), "x");
    const { code, output } = await slipway(["init", folder, "--template", "digit"]);
    expect(code).toBe(5);
    expect(output).toContain("digits");
    expect(output).toContain("(TEMPLATE_UNKNOWN)");
    expect(output).not.toMatch(STACK);
    expect(() => rmSync(folder)).toThrow(/ENOENT/);
  });

  describe("pushes", () => {
    test("a wrong spec is refused in the push, all its errors at their places, and nothing is kept", async () => {
      const files = project("wrong", "run: 'true', retrys: 2", "servng: {}\n");
      const { code, output } = await push("wrong", files);
      expect(code).toBe(1);
      expect(output).toMatch(/slipway\.yaml:4:1: .*"servng".*"serving"/);
      expect(output).toMatch(/slipway\.yaml:5:\d+: .*"retrys".*"retries"/);
      expect(output).toContain("2 problems");
      const { pipelineRuns } = await api<{ pipelineRuns: { project: string }[] }>(platform, "/pipeline-runs");
      expect(pipelineRuns.filter((found) => found.project === "wrong")).toEqual([]);
    });

    test.each<[string, Files, RegExp]>([
      ["no slipway.yaml", { "README.md": "hello" }, /slipway\.yaml/],
      ["a spec that isn't YAML", { "slipway.yaml": "a: [1\nb: }" }, /slipway\.yaml:\d+:\d+/],
      ["a spec of another name", project("other", "run: 'true'"), /other/],
      ["a spec of 100,000 levels", { "slipway.yaml": "[".repeat(100_000) }, /slipway\.yaml/],
      ["a spec of aliases that grow", { "slipway.yaml": bomb() }, /slipway\.yaml/],
      ["a binary spec", { "slipway.yaml": new Uint8Array([0, 255, 254, 1, 2]) }, /slipway\.yaml/],
    ])("%s is refused in the push", async (_name, files, words) => {
      const { code, output } = await push("refused", files);
      expect(code).toBe(1);
      expect(output).toMatch(words);
      expect(output).toContain("pre-receive hook declined");
    });

    interface PipelineRun {
      project: string;
      state: string;
      code: string | null;
      reason: string | null;
    }
    const ended = (name: string) =>
      eventually(`the pipeline run of ${name}`, async () => {
        const { pipelineRuns } = await api<{ pipelineRuns: PipelineRun[] }>(platform, "/pipeline-runs");
        return pipelineRuns.find((found) => found.project === name && found.state === "failed");
      });

    test("a step that writes nothing it promised", async () => {
      const { output } = await push("silent", project("silent", "run: 'true', outputs: [result.txt]"));
      expect(output).toContain("without writing result.txt");
      expect(await ended("silent")).toMatchObject({ code: "STEP_OUTPUT_MISSING" });
    });

    test("a step whose command isn't there", async () => {
      const { output } = await push("typo", project("typo", "run: pyhton train.py"));
      expect(output).toContain("pyhton");
      expect(await ended("typo")).toMatchObject({ code: "STEP_COMMAND_NOT_FOUND" });
    });

    test("a project that needs Python on a machine without", async () => {
      const spec = project("snake", "run: python train.py", "environment: { python: requirements.txt }\n");
      const { output } = await push("snake", { ...spec, "requirements.txt": "" });
      expect(output).toMatch(/python3, which isn't on the PATH/);
      expect(await ended("snake")).toMatchObject({ code: "ENVIRONMENT_TOOL_MISSING" });
    });

    test.each<[string, string, Files, RegExp]>([
      [
        "whose inputs aren't its example's",
        "stranger",
        STRANGER,
        /input "a" is unknown; the model takes "x"/,
      ],
      ["without contract.json", "bare", only(ADDER, "model.onnx"), /no contract\.json/],
      ["without model.onnx", "hollow", only(ADDER, "contract.json"), /model\.onnx/],
      ["that isn't ONNX", "junk", { ...ADDER, "model.onnx": "junk" }, /model\.onnx|load/i],
      ["whose contract isn't JSON", "scribble", { ...ADDER, "contract.json": "{" }, /contract\.json/],
      ["that answers its example otherwise", "liar", { ...ADDER, "contract.json": lie() }, /sum/],
    ])("a model %s never gets a request", async (_name, name, model, words) => {
      const { output } = await push(name, modelProject(name, model));
      expect(output).toMatch(words);
      expect(output).not.toContain("first champion");
      const url = `${platform.url}/v2/models/${name}/infer`;
      expect((await fetch(url, { method: "POST", body: SUMMANDS })).status).toBe(404);
      const why = await slipway(["why", `service/${name}`, "--url", platform.url]);
      if (why.code === 0) expect(why.output).toMatch(words);
    });
  });

  describe("inference", () => {
    beforeAll(async () => {
      expect((await push("table", modelProject("table", TABLE))).output).toContain("first champion");
    });

    async function infer(address: string, body: string | Uint8Array) {
      const answer = await fetch(`${platform.url}${address}`, { method: "POST", body });
      const text = await answer.text();
      const error = (JSON.parse(text) as { error?: string }).error ?? "";
      expect(text).not.toMatch(STACK);
      return { status: answer.status, error };
    }
    const ADDER_INFER = INFER.split(" ")[1] ?? "";
    const with_ = (change: object) => {
      const request = JSON.parse(SUMMANDS) as { inputs: object[] };
      request.inputs[0] = { ...request.inputs[0], ...change };
      return JSON.stringify(request);
    };

    test.each<[string, string | Uint8Array, string]>([
      ["another shape", with_({ shape: [1, 3], data: [1, 2, 3] }), "[1,3], but the model takes [-1,2]"],
      ["a negative size", with_({ shape: [-1, 2] }), "-1 isn't a size"],
      ["a size beyond all memory", with_({ shape: [1e9, 2] }), "2000000000 values, but 2 are given"],
      ["sizes whose product overflows", with_({ shape: [2 ** 53, 2] }), "shape"],
      ["fewer values than its shape says", with_({ shape: [2, 2] }), "4 values, but 2"],
      ["ragged rows", with_({ shape: [2, 2], data: [[1, 2], [3]] }), "one place has 1"],
      ["another datatype", with_({ datatype: "INT64" }), "takes FP32"],
      ["an unknown datatype", with_({ datatype: "FLOAT" }), "takes FP32"],
      ["numbers as words", with_({ data: ["1", "2"] }), "a number is needed"],
      ["null", with_({ data: [null, 2] }), "null isn't FP32"],
      ["another name", with_({ name: "A" }), 'did you mean "a"'],
      ["no name", with_({ name: 7 }), "no `name`"],
      ["one input twice", with_({ name: "b" }), "given twice"],
      [
        "an input too few",
        JSON.stringify({ inputs: (JSON.parse(SUMMANDS) as { inputs: object[] }).inputs.slice(1) }),
        '"a" is missing',
      ],
      [
        "an input too many",
        SUMMANDS.replace("[{", '[{"name":"c","shape":[1],"datatype":"FP32","data":[1]},{'),
        '"c" is unknown',
      ],
      ["no inputs", "{}", "`inputs` is missing"],
      ["V1's body", '{"instances":[[1,2]]}', "belongs to Open Inference V1"],
      ["an unknown output", SUMMANDS.replace("{", '{"outputs":[{"name":"total"}],'), '"total" is unknown'],
      ["NaN as a bare word", SUMMANDS.replace("[1,2]}", "[NaN,2]}"), 'the strings "NaN"'],
      ["no JSON", "hello", "isn't JSON"],
      ["nothing", "", "isn't JSON"],
      ["a list", "[]", "an object is needed"],
      ["bytes that aren't UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "UTF-8"],
    ])("%s", async (_name, body, words) => {
      const { status, error } = await infer(ADDER_INFER, body);
      expect(status).toBe(400);
      expect(error).toContain(words);
    });

    test.each(['"NaN"', '"Infinity"', "1e400", "1.5", "9223372036854775808", '"x"', "true", "{}"])(
      "%s for an INT64",
      async (value) => {
        const body = `{"inputs":[{"name":"index","shape":[1],"datatype":"INT64","data":[${value}]}]}`;
        const { status, error } = await infer("/v2/models/table/infer", body);
        expect(status).toBe(400);
        expect(error).toMatch(/INT64|beyond 2\^53/);
      },
    );

    test("a value that the model itself refuses", async () => {
      const body = `{"inputs":[{"name":"index","shape":[1],"datatype":"INT64","data":[99]}]}`;
      const { status, error } = await infer("/v2/models/table/infer", body);
      expect([400, 422, 500]).toContain(status);
      expect(error).not.toBe("");
    });

    test.each([
      ["/v2/models/none/infer", 'named "none"'],
      ["/v2/models/adder/versions/7/infer", 'version 7 of "adder"'],
      ["/v2/models/adder/versions/one/infer", "isn't part of Open Inference"],
      ["/v1/models/none:predict", 'named "none"'],
    ])("POST %s", async (address, words) => {
      const { status, error } = await infer(address, SUMMANDS);
      expect(status).toBe(404);
      expect(error).toContain(words);
    });

    test("a body beyond serving.maxBody", async () => {
      const { status, error } = await infer(ADDER_INFER, "x".repeat(17 * 1024 * 1024));
      expect(status).toBe(413);
      expect(error).toContain("serving.maxBody");
    });
  });

  test("a service's file of a name or content that can't be is refused in the push", async () => {
    const clone = newFolder("environment");
    folders.push(clone);
    await git(clone, "clone", "--quiet", `${platform.gitUrl}/environment.git`, ".");
    for (const [file, content] of [
      ["services/..adder.yaml", "x: 1\n"],
      ["services/a b.yaml", "x: 1\n"],
      ["services/adder.yaml", "champion: 99\n"],
      ["services/deep/er.yaml", "x: 1\n"],
    ] as const) {
      mkdirSync(join(clone, "services/deep"), { recursive: true });
      writeFileSync(join(clone, file), content);
      await git(clone, "add", "-A");
      await git(clone, "commit", "--quiet", "-m", "bad");
      const pushed = await git(clone, "push", "origin", "HEAD:main");
      expect(pushed.code, file).toBe(1);
      expect(pushed.output, file).toContain("pre-receive hook declined");
      expect(pushed.output).not.toMatch(STACK);
      await git(clone, "reset", "--quiet", "--hard", "HEAD~1");
    }
  });
});

function only(files: Files, name: string): Files {
  return { [name]: files[name] ?? "" };
}

/** A contract whose recorded answer is another than the model's. */
function lie(): string {
  return String(ADDER["contract.json"]).replace("[11,22]", "[11,23]");
}

/** Nine levels of nine aliases each: a billion words once written out. */
function bomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, i) =>
      `l${i}: &l${i} [${Array(9)
        .fill(i === 0 ? "x" : `*l${i - 1}`)
        .join(", ")}]`,
  );
  return `${levels.join("\n")}\n`;
}
