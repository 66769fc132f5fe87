import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PipelineRunSpec } from "../../src/pipelines/engine.ts";
import type { Step } from "../../src/spec/project.ts";
import type { LocalEngine } from "../../src/targets/local/engine/engine.ts";
import { openEngine } from "./open-engine.ts";
import {
  finish,
  logLines,
  project,
  reason,
  Repository,
  states,
  step,
  temporaryFolder,
  until,
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

async function reopen(more: Parameters<typeof openEngine>[1]): Promise<void> {
  await engine.close();
  engine = await openEngine(dataDir, more);
}

function specOf(steps: Step[], more: Partial<PipelineRunSpec> = {}): PipelineRunSpec {
  const commit = repository.commit({ "train.txt": "data\n" });
  return {
    id: `pr-${++count}`,
    project: project(steps),
    repository: repository.gitDir,
    commit,
    env: {},
    cache: true,
    ...more,
  };
}

describe("limits", () => {
  it("end a step whose processes together use more memory than it may, and say how much", async () => {
    const eat = `node -e 'const all = []; for (let i = 0; i < 40; i++) all.push(Buffer.alloc(10 * 2 ** 20, 1)); setTimeout(() => all, 60000)'`;
    const status = await finish(
      engine,
      specOf([step("train", `${eat} & wait`, { resources: { memory: 200 * 2 ** 20 } })]),
    );
    expect(status.steps[0]).toMatchObject({ state: "failed", code: "STEP_OUT_OF_MEMORY" });
    expect(reason(status, "train")).toMatch(
      /^step train used \d+(\.\d)? MiB, its limit is 200 MiB \(resources\.memory\)$/,
    );
  });

  it("cut a log and say so; the step goes on and its last lines are known", async () => {
    await reopen({ limits: { logBytes: 10_000 } });
    const spec = specOf([
      step("talk", "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo the end; exit 1"),
    ]);
    const status = await finish(engine, spec);
    expect(reason(status, "talk")).toBe("exit code 1: the end");
    const lines = await logLines(engine, spec.id);
    expect(lines.at(-1)).toBe("slipway: log cut here, at 10000 bytes; the step goes on");
    expect(statSync(join(dataDir, "runs", spec.id, "logs", "talk.log")).size).toBeLessThan(10_200);
  });

  it("share the processors: a step that wants all runs alone", async () => {
    await reopen({ cpus: 2 });
    const inside = join(folder.path, "inside");
    const alone = `mkdir ${inside} || exit 9; sleep 0.05; rmdir ${inside}`;
    const status = await finish(
      engine,
      specOf(["a", "b", "c"].map((name) => step(name, alone, { resources: { cpu: 8 } }))),
    );
    expect(status.state).toBe("succeeded");
  });

  it("keep the cache below its size: what was used least recently goes", async () => {
    await reopen({ limits: { cacheBytes: 250_000 } });
    const make = (name: string): Step =>
      step(name, `head -c 100000 /dev/zero > ${name}.bin`, { outputs: [`${name}.bin`] });
    for (const name of ["a", "b", "a", "c"]) await finish(engine, specOf([make(name)]));
    const reuse = async (name: string): Promise<string> =>
      states(await finish(engine, specOf([make(name)])))[name] ?? "";
    expect([await reuse("a"), await reuse("c"), await reuse("b")]).toEqual(["cached", "cached", "succeeded"]);
  });

  it("100 steps side by side", async () => {
    const steps = Array.from({ length: 100 }, (_, index) => step(`s${index}`, "true"));
    expect((await finish(engine, specOf(steps))).state).toBe("succeeded");
  });
});

describe("what a step can't do", () => {
  it("start with a command that isn't there", async () => {
    const status = await finish(engine, specOf([step("train", "no-such-python3 train.py")]));
    expect(status.steps[0]).toMatchObject({ code: "STEP_COMMAND_NOT_FOUND", exitCode: 127 });
    expect(reason(status, "train")).toContain("no-such-python3");
  });

  it("read an input that nobody provides", async () => {
    const status = await finish(engine, specOf([step("train", "true", { inputs: ["data/raw.csv"] })]));
    expect(status.steps[0]).toMatchObject({ state: "failed", code: "STEP_INPUT_MISSING", attempt: 0 });
    expect(reason(status, "train")).toContain("data/raw.csv");
  });

  it("pass off a former attempt's output as its own", async () => {
    const run = `[ -e tried ] && exit 0; touch tried; echo 1 > out.txt; exit 1`;
    const status = await finish(engine, specOf([step("train", run, { outputs: ["out.txt"], retries: 1 })]));
    expect(status.steps[0]).toMatchObject({ state: "failed", code: "STEP_OUTPUT_MISSING", attempt: 2 });
  });

  it("leave processes behind when it ends well", async () => {
    const beat = join(folder.path, "beat");
    const run = `(while :; do echo x >> ${beat}; sleep 0.02; done) & while [ ! -e ${beat} ]; do sleep 0.01; done`;
    await finish(engine, specOf([step("train", run)]));
    const size = statSync(beat).size;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(statSync(beat).size).toBe(size);
  });

  it("have its variables written to disk", async () => {
    const spec = specOf([step("train", "true")], { env: { TOKEN: "hunter2-secret" } });
    await finish(engine, spec);
    const run = join(dataDir, "runs", spec.id);
    for (const file of ["state.json", ...readdirSync(join(run, "logs")).map((name) => `logs/${name}`)])
      expect(readFileSync(join(run, file), "utf8")).not.toContain("hunter2");
  });
});

describe("a result is not kept for reuse", () => {
  const again = async (steps: Step[]): Promise<Record<string, string>> => {
    await finish(engine, specOf(steps));
    const status = await finish(engine, specOf(steps));
    return Object.fromEntries(status.steps.map((step) => [step.name, `${step.state}: ${step.reason}`]));
  };

  it("when there is nothing to reuse", async () => {
    expect(await again([step("check", "true")])).toEqual({
      check:
        "succeeded: not reused: its last result wasn't kept: it declares no outputs and logged nothing, so there is nothing to reuse",
    });
  });

  it("when the step writes what it doesn't declare; then neither are steps that need it", async () => {
    const steps = [
      step("train", "echo 1 > model.txt; echo 2 > hidden.txt", { outputs: ["model.txt"] }),
      step("export", "cat hidden.txt > out.txt", { needs: ["train"], outputs: ["out.txt"] }),
    ];
    expect(await again(steps)).toEqual({
      train:
        "succeeded: not reused: its last result wasn't kept: wrote hidden.txt, which it doesn't declare as outputs",
      export:
        "succeeded: not reused: step train, which it needs, wrote hidden.txt, which it doesn't declare as outputs",
    });
  });

  it("when slipway.yaml switches its cache off", async () => {
    const steps = [step("a", "echo 1 > a.txt", { outputs: ["a.txt"], cache: false })];
    expect(await again(steps)).toEqual({
      a: "succeeded: not reused: its cache is switched off in slipway.yaml",
    });
  });

  it("when what was kept is damaged", async () => {
    const steps = [step("a", "echo good > a.txt", { outputs: ["a.txt"] })];
    await finish(engine, specOf(steps));
    const cache = join(dataDir, "cache", "steps");
    const key = readdirSync(cache).find((name) => !name.startsWith(".")) ?? "";
    writeFileSync(join(cache, key, "outputs", "a.txt"), "torn");
    const spec = specOf(steps);
    const status = await finish(engine, spec);
    expect(reason(status, "a")).toBe("not reused: the kept result was damaged");
    expect(readFileSync(join(dataDir, "runs", spec.id, "work", "a.txt"), "utf8")).toBe("good\n");
  });
});

it("folders and executable files are outputs too", async () => {
  const steps = [
    step(
      "a",
      "mkdir -p out/deep; echo 1 > out/deep/x; printf '#!/bin/sh\\necho hi' > out/tool; chmod +x out/tool; ln -s deep/x out/link",
      { outputs: ["out"] },
    ),
  ];
  await finish(engine, specOf(steps));
  const spec = specOf([...steps, step("b", "out/tool && cat out/link", { needs: ["a"] })]);
  const status = await finish(engine, spec);
  expect(states(status)).toEqual({ a: "cached", b: "succeeded" });
  expect(await logLines(engine, spec.id, "b")).toEqual(expect.arrayContaining(["hi", "1"]));
});

it("what is below .gitattributes' export-ignore is checked out all the same", async () => {
  repository.commit({ ".gitattributes": "data export-ignore\n", "data/raw.csv": "1\n" });
  expect((await finish(engine, specOf([step("a", "cat data/raw.csv")]))).state).toBe("succeeded");
});

it("a pipeline run that is stopped in good order leaves no process and goes on later", async () => {
  const here = join(folder.path, "here");
  const spec = specOf([
    step("a", `trap '' TERM; touch ${here}; while [ ! -e ${here}.go ]; do sleep 0.02; done`),
  ]);
  await engine.submit(spec);
  await until("it runs", () => existsSync(here));
  await reopen({});
  writeFileSync(`${here}.go`, "");
  expect((await finish(engine, spec)).steps[0]).toMatchObject({ state: "succeeded", attempt: 1 });
});
