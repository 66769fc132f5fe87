import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import type { ErrorCode } from "../../src/http/errors.ts";
import { Placement } from "../../src/serving/router/placement.ts";
import { Variants } from "../../src/serving/router/variants.ts";
import type { WorkerExit, WorkerHost, WorkerHostEvents } from "../../src/serving/router/worker-host.ts";
import type { WorkerConfig } from "../../src/serving/worker/config.ts";
import { eventually, variantFor } from "../support/serving-platform.ts";

const made: Variants[] = [];
afterEach(() => {
  for (const variants of made.splice(0)) variants.detach();
});

/** Variants whose workers never come up: what they ask for is written down, and ended as told. */
function variantsOf(modelBytes: number) {
  let events: WorkerHostEvents | undefined;
  let names = 0;
  const spawned: WorkerConfig[] = [];
  const newName = () => `n${(names += 1)}`;
  const host: WorkerHost = {
    living: [],
    spawn: (worker) => void spawned.push(worker),
    end: () => undefined,
    listen: (listener) => (events = listener),
  };
  const variants = new Variants({
    runDir: "/nowhere",
    host,
    clock: systemClock,
    placement: new Placement(newName, () => 0),
    newWorkerId: newName,
    modelBytes: () => modelBytes,
  });
  made.push(variants);
  const end = (exit: Omit<WorkerExit, "id">, ...workers: WorkerConfig[]) =>
    events?.exited(workers.map(({ id }) => ({ id, ...exit })));
  const crash = (...workers: WorkerConfig[]) => end({ code: null, signal: "SIGSEGV" }, ...workers);
  return { variants, spawned, crash, end };
}

describe("workers of a variant", () => {
  it("are refused requests at once while they keep ending, with the reason", async () => {
    const { variants, spawned, crash } = variantsOf(1_000);
    const { pool } = variants.prepare(variantFor("brittle", 1, "/model"));
    for (let deaths = 1; deaths <= 6; deaths++) {
      await eventually(`worker ${deaths}`, () => spawned.length === deaths);
      expect(pool.refusal(0)).toBeUndefined();
      crash(spawned.at(-1) as WorkerConfig);
    }
    expect(pool.refusal(0)).toMatch(
      /^isn't ready: its worker keeps ending \(signal SIGSEGV\) and is started again in 1\.\d s$/,
    );
    expect(pool.isReady).toBe(false);
    expect(pool.state()).toMatchObject({
      workers: [{ state: "backing-off", restarts: 6, lastExit: "signal SIGSEGV" }],
      lastEnd: { reason: "signal SIGSEGV" },
    });
    await expect(pool.ready(new AbortController().signal)).rejects.toMatchObject({
      code: "VARIANT_NOT_READY",
    });
  });

  it("are counted by how they ended", async () => {
    const { variants, spawned, end } = variantsOf(1_000);
    const { pool } = variants.prepare(variantFor("brittle", 1, "/model"));
    const error = (code: ErrorCode) => new SlipwayError(code, "it ended").toJSON();
    const exits = [
      { code: 1, signal: null, error: error("MODEL_OUT_OF_MEMORY") },
      { code: 1, signal: null, error: error("MODEL_MISSING") },
      { code: 1, signal: null, error: error("MODEL_DIED") },
      { code: 7, signal: null },
      { code: null, signal: "SIGSEGV" as const },
    ];
    for (const [i, exit] of exits.entries()) {
      await eventually(`worker ${i}`, () => spawned.length === i + 1);
      end(exit, spawned.at(-1) as WorkerConfig);
    }
    expect(Object.fromEntries(pool.ends)).toEqual({ "over-memory": 1, "load-failed": 1, exit: 2, signal: 1 });
  });

  it("live alone when the model is large, or has a limit of its own", () => {
    const large = variantsOf(100 * 2 ** 20);
    large.variants.prepare(variantFor("a", 1, "/a"));
    large.variants.prepare(variantFor("b", 1, "/b"));
    expect(large.spawned.map(({ isShared }) => isShared)).toEqual([false, false]);
    const small = variantsOf(1_000);
    small.variants.prepare({ ...variantFor("a", 1, "/a"), cpu: 0.5 });
    small.variants.prepare({ ...variantFor("b", 1, "/b"), memoryBytes: 2 ** 30 });
    small.variants.prepare(variantFor("c", 1, "/c"));
    expect(small.spawned.map(({ isShared, threads, nice }) => ({ isShared, threads, nice }))).toEqual([
      { isShared: false, threads: 1, nice: 3 },
      { isShared: false, threads: 1, nice: 0 },
      { isShared: true, threads: 1, nice: 0 },
    ]);
  });

  it("start together again after their process ended", async () => {
    const { variants, spawned, crash } = variantsOf(1_000);
    for (const service of ["a", "b", "c"]) variants.prepare(variantFor(service, 1, `/${service}`));
    const before = [...spawned];
    crash(...before);
    await eventually("three more", () => spawned.length === 6);
    const after = spawned.slice(3);
    expect(new Set(after.map(({ process }) => process)).size).toBe(1);
    expect(after[0]?.process).not.toBe(before[0]?.process);
  });
});
