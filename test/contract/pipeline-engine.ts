import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PipelineEngine, PipelineRunSpec, PipelineRunStatus } from "../../src/pipelines/engine.ts";
import type { Step } from "../../src/spec/project.ts";
import {
  alive,
  finish,
  logLines,
  project,
  reason,
  Repository,
  states,
  step,
  temporaryFolder,
  until,
} from "../pipelines/support.ts";

/** An engine under test, with a folder that its steps can write into from outside of their working folders. */
export interface EngineUnderTest {
  engine: PipelineEngine;
  /** A new engine over the same data, as after a restart in good order. */
  restart: () => Promise<PipelineEngine>;
  /** Its steps go on while the engine is restarted; otherwise the one under way is cut short and run again. */
  outlivesRestart?: boolean;
  /** Whether a process runs that a step calls by this number; default: as this machine calls them. */
  isAlive?: (pid: number) => Promise<boolean>;
  close: () => Promise<void>;
}

/** What every PipelineEngine must do. */
export function pipelineEngineContract(
  name: string,
  open: (folder: string) => Promise<EngineUnderTest>,
): void {
  describe(`PipelineEngine contract: ${name}`, () => {
    let folder: ReturnType<typeof temporaryFolder>;
    let repository: Repository;
    let under: EngineUnderTest;
    let count = 0;

    beforeEach(async () => {
      folder = temporaryFolder();
      repository = new Repository(join(folder.path, "repository"));
      under = await open(folder.path);
    });
    afterEach(async () => {
      await under.close();
      folder.remove();
    });

    const isAlive = async (pid: string | undefined): Promise<boolean> => {
      if (pid === undefined) throw new Error("the step has written no number of a process");
      return (await under.isAlive?.(Number(pid))) ?? alive(Number(pid));
    };
    const specOf = (steps: Step[], more: Partial<PipelineRunSpec> = {}): PipelineRunSpec => ({
      id: `pr-${++count}`,
      project: project(steps),
      repository: repository.gitDir,
      commit: repository.commit({ "train.txt": "data\n" }),
      env: {},
      cache: true,
      ...more,
    });

    it("runs steps in the order of their needs, files flowing in one working folder", async () => {
      const spec = specOf([
        step("last", "cat b.txt > c.txt", { needs: ["second"], outputs: ["c.txt"] }),
        step("first", "cat train.txt > a.txt", { outputs: ["a.txt"] }),
        step("second", "cat a.txt a.txt > b.txt; cat b.txt", { needs: ["first"], outputs: ["b.txt"] }),
      ]);
      const status = await finish(under.engine, spec);
      expect(states(status)).toEqual({ last: "succeeded", first: "succeeded", second: "succeeded" });
      expect(status.state).toBe("succeeded");
      expect(await logLines(under.engine, spec.id, "second")).toEqual(
        expect.arrayContaining(["data", "data"]),
      );
    });

    it("runs steps that don't need each other side by side", async () => {
      const here = (name: string): string => join(folder.path, `${name}.here`);
      const meet = (own: string, other: string): string =>
        `touch ${here(own)}; i=0; while [ ! -e ${here(other)} ] && [ $i -lt 1000 ]; do sleep 0.01; i=$((i+1)); done; [ -e ${here(other)} ]`;
      const status = await finish(
        under.engine,
        specOf([step("a", meet("a", "b")), step("b", meet("b", "a"))]),
      );
      expect(states(status)).toEqual({ a: "succeeded", b: "succeeded" });
    });

    it("skips what needs a failed step, lets the rest go on, and says the exit code and last line", async () => {
      const status = await finish(
        under.engine,
        specOf([
          step("bad", "echo 'ValueError: no such column' >&2; exit 3"),
          step("after", "true", { needs: ["bad"] }),
          step("later", "true", { needs: ["after"] }),
          step("other", "true"),
        ]),
      );
      expect(status.state).toBe("failed");
      expect(states(status)).toEqual({
        bad: "failed",
        after: "skipped",
        later: "skipped",
        other: "succeeded",
      });
      const bad = status.steps[0];
      expect(bad).toMatchObject({ exitCode: 3, code: "STEP_FAILED", attempt: 1 });
      expect(bad?.reason).toBe("exit code 3: ValueError: no such column");
      expect(reason(status, "later")).toContain("bad failed");
    });

    it("tries a failed step again, as often as it may", async () => {
      const tries = join(folder.path, "tries");
      const status = await finish(
        under.engine,
        specOf([step("flaky", `echo x >> ${tries}; [ "$(wc -l < ${tries})" -ge 3 ]`, { retries: 2 })]),
      );
      expect(status.steps[0]).toMatchObject({ state: "succeeded", attempt: 3 });
      const failed = await finish(under.engine, specOf([step("never", "exit 1", { retries: 1 })]));
      expect(failed.steps[0]).toMatchObject({ state: "failed", attempt: 2 });
    });

    it("gives steps their variables and params", async () => {
      const spec = specOf(
        [step("show", 'echo "$GIVEN $SLIPWAY_PARAM_LEARNING_RATE"', { params: { "learning-rate": 0.1 } })],
        {
          env: { GIVEN: "secret-7" },
        },
      );
      await finish(under.engine, spec);
      expect(await logLines(under.engine, spec.id)).toContain("secret-7 0.1");
    });

    it("fails a step that didn't write what it promised, and says what it wrote", async () => {
      const status = await finish(
        under.engine,
        specOf([step("features", "echo 1 > feature.csv", { outputs: ["features.csv"] })]),
      );
      expect(status.steps[0]).toMatchObject({ state: "failed", code: "STEP_OUTPUT_MISSING" });
      expect(reason(status, "features")).toBe(
        "step features ended without writing features.csv (outputs); it wrote feature.csv",
      );
    });

    it("ends a step and all its descendants at its timeout", async () => {
      const pids = join(folder.path, "pids");
      const run = `(trap '' TERM; sh -c 'trap "" TERM; echo $$ >> ${pids}; while :; do sleep 1; done') & wait`;
      const status = await finish(under.engine, specOf([step("slow", run, { timeout: 300 })]));
      expect(status.steps[0]).toMatchObject({ state: "failed", code: "STEP_TIMEOUT" });
      expect(reason(status, "slow")).toContain("still running after 300ms");
      const [pid] = readFileSync(pids, "utf8").trim().split("\n");
      expect(await isAlive(pid)).toBe(false);
    });

    it("cancels: no process is left, waiting steps never start", async () => {
      const pidFile = join(folder.path, "pid");
      const spec = specOf([
        step("long", `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 1; done`),
        step("next", "true", { needs: ["long"] }),
      ]);
      await under.engine.submit(spec);
      await until("the step runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8").includes("\n"));
      expect(await isAlive(readFileSync(pidFile, "utf8"))).toBe(true);
      await under.engine.cancel(spec.id);
      expect(await isAlive(readFileSync(pidFile, "utf8"))).toBe(false);
      const status = await finish(under.engine, spec);
      expect(status.state).toBe("cancelled");
      expect(states(status)).toEqual({ long: "cancelled", next: "cancelled" });
    });

    it("observes from the present state to the end, and answers at once about a run that has ended", async () => {
      const gate = join(folder.path, "go");
      const spec = specOf([step("wait", `while [ ! -e ${gate} ]; do sleep 0.01; done`)]);
      await under.engine.submit(spec);
      const seen: PipelineRunStatus[] = [];
      for await (const status of under.engine.observe(spec.id, AbortSignal.timeout(60_000))) {
        seen.push(status);
        if (states(status).wait === "running" && !existsSync(gate)) writeFileSync(gate, "");
      }
      expect(seen.some((status) => states(status).wait === "running")).toBe(true);
      expect(seen.at(-1)?.state).toBe("succeeded");
      expect((await finish(under.engine, spec)).state).toBe("succeeded");
    });

    it("follows logs until the run ends", async () => {
      const spec = specOf([step("talk", "for i in 1 2 3; do echo line $i; sleep 0.05; done; printf end")]);
      await under.engine.submit(spec);
      const lines: string[] = [];
      const options = { follow: true, signal: AbortSignal.timeout(60_000) };
      for await (const { step, line } of under.engine.logs(spec.id, options)) lines.push(`${step} | ${line}`);
      expect(lines.filter((line) => !line.includes("slipway:"))).toEqual([
        "talk | line 1",
        "talk | line 2",
        "talk | line 3",
        "talk | end",
      ]);
    });

    it("submits once, however often it is asked, also after a restart", async () => {
      const spec = specOf([step("count", `echo x >> ${join(folder.path, "count")}`)]);
      await Promise.all([under.engine.submit(spec), under.engine.submit(spec)]);
      await finish(under.engine, spec);
      const again = await under.restart();
      expect((await finish(again, spec)).state).toBe("succeeded");
      expect(readFileSync(join(folder.path, "count"), "utf8")).toBe("x\n");
    });

    it("goes on after a restart: finished steps are kept, an interrupted one is run again without losing a retry", async () => {
      const mark = join(folder.path, "mark");
      const gate = join(folder.path, "go");
      const spec = specOf([
        step("done", `echo done >> ${mark}; echo 1 > done.txt`, { outputs: ["done.txt"] }),
        step("cut", `echo cut >> ${mark}; while [ ! -e ${gate} ]; do sleep 0.01; done; cat done.txt`, {
          needs: ["done"],
        }),
      ]);
      await under.engine.submit(spec);
      await until(
        "the second step runs",
        () => existsSync(mark) && readFileSync(mark, "utf8").includes("cut"),
      );
      const again = await under.restart();
      writeFileSync(gate, "");
      const status = await finish(again, spec);
      expect(states(status)).toEqual({ done: "succeeded", cut: "succeeded" });
      expect(status.steps[1]?.attempt).toBe(1);
      expect(readFileSync(mark, "utf8")).toBe(under.outlivesRestart ? "done\ncut\n" : "done\ncut\ncut\n");
    });

    it("reuses a step whose content is the same, and says why another isn't", async () => {
      const mark = join(folder.path, "mark");
      const steps = [
        step("features", `echo features >> ${mark}; cp train.txt features.txt`, {
          inputs: ["train.txt"],
          outputs: ["features.txt"],
        }),
        step("train", `echo train >> ${mark}; cat features.txt conf.txt > model.txt`, {
          needs: ["features"],
          inputs: ["features.txt", "conf.txt"],
          outputs: ["model.txt"],
        }),
      ];
      repository.commit({ "conf.txt": "1" });
      const first = await finish(under.engine, specOf(steps));
      expect(states(first)).toEqual({ features: "succeeded", train: "succeeded" });
      expect(states(await finish(under.engine, specOf(steps)))).toEqual({
        features: "cached",
        train: "cached",
      });
      repository.commit({ "conf.txt": "2" });
      const third = await finish(under.engine, specOf(steps));
      expect(states(third)).toEqual({ features: "cached", train: "succeeded" });
      expect(reason(third, "train")).toBe("not reused: inputs changed: conf.txt");
      const off = await finish(under.engine, specOf(steps, { cache: false }));
      expect(states(off)).toEqual({ features: "succeeded", train: "succeeded" });
      expect(reason(off, "train")).toContain("switched off for this pipeline run");
      expect(readFileSync(mark, "utf8")).toBe("features\ntrain\ntrain\nfeatures\ntrain\n");
    });

    it("says what it doesn't know", async () => {
      await expect(
        under.engine.observe("pr-none", AbortSignal.timeout(1000))[Symbol.asyncIterator]().next(),
      ).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(under.engine.cancel("../../etc")).rejects.toMatchObject({ code: "NOT_FOUND" });
      const status = await finish(under.engine, specOf([step("a", "true")], { commit: "0".repeat(40) }));
      expect(status.state).toBe("failed");
      expect(status.steps[0]).toMatchObject({ code: "PIPELINE_CHECKOUT_FAILED" });
    });
  });
}
