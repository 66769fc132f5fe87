import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PipelineRunSpec } from "../../src/pipelines/engine.ts";
import type { StepEnvironment } from "../../src/spec/project.ts";
import type { LocalEngine } from "../../src/targets/local/engine/engine.ts";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";
import { openEngine } from "./open-engine.ts";
import {
  finish,
  logLines,
  project,
  reason,
  Repository,
  states,
  step,
  stepEnv,
  temporaryFolder,
} from "./support.ts";

let folder: ReturnType<typeof temporaryFolder>;
let repository: Repository;
let engine: LocalEngine;
let dataDir: string;
let count = 0;

beforeEach(async () => {
  folder = temporaryFolder();
  dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  repository = new Repository(join(folder.path, "repository"));
  engine = await openEngine(dataDir);
});
afterEach(async () => {
  await engine.close();
  folder.remove();
});

function specOf(environment: StepEnvironment, run: string, files: Record<string, string>): PipelineRunSpec {
  return {
    id: `pr-${++count}`,
    project: project([step("train", run, { cache: false })], { environment }),
    repository: repository.gitDir,
    commit: repository.commit(files),
    env: {},
    cache: true,
  };
}

/** Puts commands of our own before all others, and opens an engine that sees them. */
async function withTools(tools: Record<string, string>): Promise<void> {
  const bin = join(folder.path, "bin");
  mkdirSync(bin, { recursive: true });
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  await engine.close();
  const env = stepEnv();
  engine = await openEngine(dataDir, { stepEnv: { ...env, PATH: `${bin}:${env.PATH}` } });
}

const environments = (): string[] =>
  existsSync(join(dataDir, "cache", "environments"))
    ? readdirSync(join(dataDir, "cache", "environments"))
    : [];

describe("Node environments", () => {
  const withDependency = JSON.stringify({ type: "module", dependencies: { tiny: "1.0.0" } });
  /** Stands for npm: counts its calls and installs one package. */
  const npm = (): string => `echo "$@" >> ${folder.path}/calls
mkdir -p node_modules/tiny && echo '{"name":"tiny","type":"module","main":"index.js"}' > node_modules/tiny/package.json
echo 'export default 42' > node_modules/tiny/index.js; echo added 1 package`;

  it("need no npm at all without dependencies", async () => {
    await withTools({ npm: "exit 99" });
    const spec = specOf({ node: "package.json" }, "node -e 'console.log(1 + 1)'", {
      "package.json": '{"type":"module"}',
    });
    expect(states(await finish(engine, spec))).toEqual({ train: "succeeded" });
    expect(environments()).toEqual([]);
  });

  it("are built once per content, found by the steps' imports, with npm's output in the log", async () => {
    await withTools({ npm: npm() });
    const files = {
      "package.json": withDependency,
      "train.mjs": 'import tiny from "tiny"; console.log("tiny", tiny);',
    };
    const first = specOf({ node: "package.json" }, "node train.mjs", files);
    expect((await finish(engine, first)).state).toBe("succeeded");
    const lines = await logLines(engine, first.id);
    expect(lines).toEqual(expect.arrayContaining(["added 1 package", "tiny 42"]));
    const second = specOf({ node: "package.json" }, "node train.mjs", { "other.txt": "changed" });
    expect((await finish(engine, second)).state).toBe("succeeded");
    expect(readFileSync(join(folder.path, "calls"), "utf8").trim().split("\n")).toEqual([
      "install --omit=dev --no-audit --no-fund --no-progress",
    ]);
    const locked = specOf({ node: "package.json" }, "node train.mjs", { "package-lock.json": "{}" });
    expect((await finish(engine, locked)).state).toBe("succeeded");
    expect(readFileSync(join(folder.path, "calls"), "utf8")).toContain("\nci --omit=dev");
  });

  it("are shared by pipeline runs that ask at the same time", async () => {
    await withTools({ npm: `sleep 0.2; ${npm()}` });
    const files = { "package.json": withDependency };
    const specs = [1, 2, 3].map(() => specOf({ node: "package.json" }, "node -e 'import(`tiny`)'", files));
    const ended = await Promise.all(specs.map((spec) => finish(engine, spec)));
    expect(ended.map((status) => status.state)).toEqual(["succeeded", "succeeded", "succeeded"]);
    expect(readFileSync(join(folder.path, "calls"), "utf8").trim().split("\n")).toHaveLength(1);
  });

  it("that can't be built say the installer's last lines, and leave nothing half built", async () => {
    await withTools({ npm: "mkdir -p node_modules/half; echo npm error 404 tiny@1.0.0 not found; exit 1" });
    const spec = specOf({ node: "package.json" }, "true", { "package.json": withDependency });
    const status = await finish(engine, spec);
    expect(status.steps[0]).toMatchObject({ state: "failed", code: "ENVIRONMENT_BUILD_FAILED" });
    expect(reason(status, "train")).toContain("npm error 404 tiny@1.0.0 not found");
    expect(environments()).toEqual([]);
  });

  it("that were left half built by a killed process are built anew", async () => {
    await withTools({ npm: npm() });
    const files = { "package.json": withDependency };
    await finish(engine, specOf({ node: "package.json" }, "true", files));
    const [hash = ""] = environments();
    const built = join(dataDir, "cache", "environments", hash);
    rmSync(join(built, ".complete"));
    rmSync(join(built, "node_modules"), { recursive: true });
    writeFileSync(`${built}.lock`, "999999999 long ago");
    const status = await finish(engine, specOf({ node: "package.json" }, "node -e 'import(`tiny`)'", files));
    expect(status.state).toBe("succeeded");
    expect(environments()).toEqual([hash]);
  });

  it.each([
    [{ node: "package.json" }, {}, "ENVIRONMENT_FILE_MISSING"],
    [{ node: "package.json" }, { "package.json": "{" }, "ENVIRONMENT_BUILD_FAILED"],
    [
      { node: "package.json" },
      { "package.json": '{"dependencies":{"x":"file:../x"}}' },
      "ENVIRONMENT_UNSUPPORTED",
    ],
    [{ python: "requirements.txt" }, {}, "ENVIRONMENT_FILE_MISSING"],
    [{ python: "requirements.txt" }, { "requirements.txt": "-e ." }, "ENVIRONMENT_UNSUPPORTED"],
  ] as const)("%j with %j is refused with %s", async (environment, files, code) => {
    const status = await finish(engine, specOf(environment, "true", files));
    expect(status.steps[0]).toMatchObject({ state: "failed", code });
  });

  it("say which tool is missing", async () => {
    await engine.close();
    const bin = join(folder.path, "few");
    mkdirSync(bin);
    const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
    execFileSync("ln", ["-s", git, join(bin, "git")]);
    engine = await openEngine(dataDir, { stepEnv: { PATH: bin } });
    const python = await finish(
      engine,
      specOf({ python: "requirements.txt" }, "true", { "requirements.txt": "" }),
    );
    expect(python.steps[0]).toMatchObject({ code: "ENVIRONMENT_TOOL_MISSING" });
    expect(reason(python, "train")).toContain("python3");
    const node = await finish(engine, specOf({ node: "package.json" }, "true", { "package.json": "{}" }));
    expect(reason(node, "train")).toContain("node");
  });
});

/** A python3 whose virtual environments find the pip of the tests' own: to install one anew takes eight seconds. */
function pythonWithPip(): string {
  const python = (ensurePython as () => string)();
  const where = "import os, pip; print(os.path.dirname(os.path.dirname(pip.__file__)))";
  const packages = execFileSync(python, ["-c", where], { encoding: "utf8" }).trim();
  return `[ "$1 $2" = "-m venv" ] || exec '${python}' "$@"
'${python}' -m venv --without-pip "$3" && echo '${packages}' > "$(echo "$3"/lib/python3*/site-packages)/pip.pth"`;
}

describe("Python environments", () => {
  it("hold what requirements.txt asks for, built once", async () => {
    const wheel = join(folder.path, "repository", "tiny-1.0-py3-none-any.whl");
    // A wheel is a zip file with three texts; made here, so that nothing is downloaded.
    const make = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("tiny.py", "ANSWER = 42\\n")
    z.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    z.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("tiny-1.0.dist-info/RECORD", "")
`;
    execFileSync("python3", ["-c", make, wheel]);
    await withTools({ python3: pythonWithPip() });
    const files = {
      "requirements.txt": "-r base.txt\n",
      "base.txt": "./tiny-1.0-py3-none-any.whl\n",
      "train.py": "import tiny; print('tiny', tiny.ANSWER)\n",
    };
    const first = specOf({ python: "requirements.txt" }, "python train.py", files);
    expect(states(await finish(engine, first))).toEqual({ train: "succeeded" });
    expect(await logLines(engine, first.id)).toContain("tiny 42");
    const second = specOf({ python: "requirements.txt" }, "python train.py", {});
    await finish(engine, second);
    expect((await logLines(engine, second.id)).join("\n")).not.toContain("installing its environment");
  });
});
