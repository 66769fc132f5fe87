import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PipelineRunSpec } from "../../src/pipelines/engine.ts";
import type { LocalEngine } from "../../src/targets/local/engine/engine.ts";
import { openEngine } from "./open-engine.ts";
import {
  alive,
  finish,
  project,
  Repository,
  states,
  step,
  stillAlive,
  temporaryFolder,
  until,
} from "./support.ts";

/** Kill -9 of the process that hosts the engine. */
describe("after kill -9", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let repository: Repository;
  let host: ChildProcess | undefined;
  let engine: LocalEngine | undefined;
  let dataDir: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    dataDir = join(folder.path, "data");
    mkdirSync(dataDir);
    repository = new Repository(join(folder.path, "repository"));
    await build({
      entryPoints: [fileURLToPath(new URL("fixtures/host.ts", import.meta.url))],
      outfile: join(folder.path, "host.mjs"),
      bundle: true,
      format: "esm",
      platform: "node",
      logLevel: "warning",
    });
  });
  afterEach(async () => {
    host?.kill("SIGKILL");
    await engine?.close();
    folder.remove();
  });

  function startHost(spec: PipelineRunSpec): ChildProcess {
    const args = [join(folder.path, "host.mjs"), dataDir, JSON.stringify(spec)];
    host = spawn(process.execPath, args, { stdio: "inherit" });
    return host;
  }

  async function kill(child: ChildProcess): Promise<void> {
    // It may have come to its own end before.
    if (child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  const file = (name: string): string => join(folder.path, name);
  const pids = (): number[] =>
    (existsSync(file("pids")) ? readFileSync(file("pids"), "utf8") : "")
      .trim()
      .split("\n")
      .filter(Boolean)
      .map(Number);

  it("orphans are ended, also ones that ignore SIGTERM or left the group; finished steps are kept", async () => {
    // A grandchild that ignores every polite signal, and one in a session of its own.
    const stubborn = `sh -c 'trap "" TERM HUP PIPE INT; echo $$ >> ${file("pids")}; while :; do sleep 0.2; done' &`;
    const away = `node -e 'require("child_process").spawn("sh", ["-c", "echo \\$\\$ >> ${file("pids")}; exec sleep 600"], {detached: true, stdio: "ignore"}).unref()' &`;
    const spec: PipelineRunSpec = {
      id: "pr-killed",
      project: project([
        step("kept", `echo kept >> ${file("mark")}; echo 1 > kept.txt`, { outputs: ["kept.txt"] }),
        step(
          "cut",
          `echo cut >> ${file("mark")}; [ -e ${file("go")} ] && cat kept.txt && exit 0; ${stubborn} ${away} echo $$ >> ${file("pids")}; wait; sleep 600`,
          { needs: ["kept"] },
        ),
      ]),
      repository: repository.gitDir,
      commit: repository.commit({ "a.txt": "1" }),
      env: {},
      cache: true,
    };
    const child = startHost(spec);
    await until("the step and its descendants run", () => pids().length === 3);
    const left = pids();
    await kill(child);
    writeFileSync(file("go"), "");
    engine = await openEngine(dataDir);
    await engine.submit(spec);
    // Submitting waits for the orphans' end, before anything new begins.
    expect(stillAlive(left)).toEqual([]);
    const status = await finish(engine, spec);
    expect(states(status)).toEqual({ kept: "succeeded", cut: "succeeded" });
    expect(status.steps.map((step) => step.attempt)).toEqual([1, 1]);
    expect(readFileSync(file("mark"), "utf8")).toBe("kept\ncut\ncut\n");
  });

  it("at any moment, every step has run to its end at least once and nothing is left behind", async () => {
    const names = ["a", "b", "c", "d"];
    for (const [round, delay] of [0, 40, 90, 150, 220, 300].entries()) {
      const mark = file(`mark-${round}`);
      const spec: PipelineRunSpec = {
        id: `pr-round-${round}`,
        project: project(
          names.map((name, index) =>
            step(
              name,
              `echo $$ >> ${mark}.pids; sleep 0.03; echo ${name} > ${name}.txt; echo ${name} >> ${mark}`,
              {
                needs: names.slice(0, index).slice(-1),
                outputs: [`${name}.txt`],
                cache: false,
              },
            ),
          ),
        ),
        repository: repository.gitDir,
        commit: repository.commit({ "a.md": String(round) }),
        env: {},
        cache: true,
      };
      const child = startHost(spec);
      if (delay > 0) await until("it has begun", () => existsSync(join(dataDir, "runs", spec.id)));
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill(child);
      engine = await openEngine(dataDir);
      const status = await finish(engine, spec);
      expect(status.state).toBe("succeeded");
      expect(new Set(readFileSync(mark, "utf8").trim().split("\n"))).toEqual(new Set(names));
      const pids = readFileSync(`${mark}.pids`, "utf8").trim().split("\n").map(Number);
      expect(stillAlive(pids)).toEqual([]);
      await engine.close();
    }
  });

  it("a process that got the number of a recorded one is left alone", async () => {
    const bystander = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    const spec: PipelineRunSpec = {
      id: "pr-innocent",
      project: project([step("a", "true")]),
      repository: repository.gitDir,
      commit: repository.commit({}),
      env: {},
      cache: true,
    };
    const processes = [{ pid: bystander.pid, started: "another boot/1", token: "none" }];
    const record = {
      id: spec.id,
      commit: spec.commit,
      checkedOut: false,
      cancelled: false,
      state: "running",
    };
    mkdirSync(join(dataDir, "runs", spec.id), { recursive: true });
    writeFileSync(
      join(dataDir, "runs", spec.id, "state.json"),
      JSON.stringify({
        ...record,
        steps: [{ name: "a", state: "running", attempt: 1, failures: 0, processes }],
      }),
    );
    engine = await openEngine(dataDir);
    expect((await finish(engine, spec)).state).toBe("succeeded");
    expect(alive(bystander.pid ?? 0)).toBe(true);
    bystander.kill("SIGKILL");
  });
});
