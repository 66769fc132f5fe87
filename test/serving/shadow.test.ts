import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SeenCallers } from "../../src/serving/router/seen-callers.ts";
import { FakeServing } from "../support/fake-serving.ts";
import { ruleFor } from "../support/serving-platform.ts";

const rule = ruleFor("s", { challenger: 2, share: 0, shadow: 0.5, timeoutMs: 1_000 });
/** First whether a copy is sent, then the coin. */
const COPIED = { challenger: [0, 0], champion: [0, 0.9] };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A request of which a copy was sent. */
function copied(arm: "champion" | "challenger" = "challenger") {
  const serving = new FakeServing(rule);
  serving.randoms = [...COPIED[arm]];
  return { serving, caller: serving.send(), champion: serving.pool(1), challenger: serving.pool(2) };
}

const cellOf = (serving: FakeServing, arm: string) => serving.cells().find((cell) => cell.arm === arm);

describe("a copied request", () => {
  it.each(["champion", "challenger"] as const)("is a unit of the arm that the coin chose: %s", (arm) => {
    const { serving, champion, challenger } = copied(arm);
    champion.answer(200, "[1]");
    challenger.answer(500);
    const other = arm === "champion" ? "challenger" : "champion";
    expect(cellOf(serving, arm)).toMatchObject({ epoch: "c1", share: 0.5, started: 1, finished: 1 });
    expect(cellOf(serving, other)).toMatchObject({ epoch: "c1~", share: 0.5, started: 1, finished: 1 });
    expect(cellOf(serving, "challenger")?.failed).toBe(1);
    expect(cellOf(serving, "champion")?.failed).toBe(0);
    expect(serving.records).toMatchObject([
      { arm, epoch: "c1", share: 0.5, version: 1, status: 200, prediction: [1] },
    ]);
    expect(serving.records[0]?.shadow).toEqual({ version: 2, status: 500 });
    expect(serving.records[0]?.direct).toBeUndefined();
  });

  it("is answered without waiting for the copy, which goes on", () => {
    const { serving, caller, champion, challenger } = copied();
    serving.ticks = 5;
    champion.answer(200, "[1]");
    expect(caller.status).toBe(200);
    expect(caller.headers["x-slipway-variant"]).toBe("1");
    expect(cellOf(serving, "challenger")).toMatchObject({ started: 1, finished: 0 });
    expect(serving.records).toEqual([]);
    serving.ticks = 80;
    challenger.answer(200, "[2]");
    expect(cellOf(serving, "challenger")).toMatchObject({ finished: 1, latency: { sum: 80 } });
    expect(serving.deps.shadows.report()).toMatchObject([
      {
        version: 2,
        epoch: "c1",
        compared: 1,
        differed: 1,
        examples: [{ requestId: "id", champion: [1], challenger: [2] }],
      },
    ]);
    expect(serving.records).toMatchObject([{ prediction: [1], shadow: { status: 200, prediction: [2] } }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts nothing of the copy before it is known whether the caller stays", () => {
    const { serving, caller, challenger } = copied();
    serving.ticks = 3;
    challenger.answer(200, "[1]");
    expect(cellOf(serving, "challenger")).toMatchObject({ finished: 0 });
    serving.ticks = 90;
    caller.leave();
    for (const arm of ["champion", "challenger"])
      expect(cellOf(serving, arm)).toMatchObject({ finished: 0, aborted: 1, abortedLatency: { sum: 90 } });
    expect(serving.records).toEqual([]);
  });

  it("ends with its caller when that leaves", () => {
    const { champion, challenger, caller } = copied();
    caller.leave();
    expect([champion.cancelled, challenger.cancelled]).toEqual([1, 1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("has one deadline for both", () => {
    const { serving, caller, challenger } = copied();
    vi.advanceTimersByTime(1_000);
    expect(caller.status).toBe(504);
    expect(challenger.cancelled).toBe(1);
    expect(cellOf(serving, "challenger")).toMatchObject({ finished: 1, failed: 1 });
    expect(cellOf(serving, "champion")).toMatchObject({ finished: 1, failed: 1 });
    expect(serving.records).toMatchObject([{ status: 504, shadow: { status: 504 } }]);
  });

  it.each(["full", "gone"])("is answered when the challenger is %s, which fails the copy", (why) => {
    const serving = new FakeServing(rule);
    if (why === "full") serving.pool(2).full = true;
    else serving.pools.delete(2);
    serving.randoms = [...COPIED.challenger];
    const caller = serving.send();
    serving.pool(1).answer(200);
    expect(caller.status).toBe(200);
    expect(cellOf(serving, "challenger")).toMatchObject({ finished: 1, failed: 1 });
  });

  it("loses its copy to an emergency stop: neither an outcome, nor a caller who left", () => {
    const { serving, caller, champion, challenger } = copied();
    serving.deps.copies.end("s");
    expect(challenger.cancelled).toBe(1);
    champion.answer(200, "[1]");
    expect(caller.status).toBe(200);
    expect(cellOf(serving, "challenger")).toMatchObject({ started: 1, finished: 0, aborted: 0, stopped: 1 });
    expect(cellOf(serving, "champion")).toMatchObject({ finished: 1, aborted: 0, stopped: 0 });
    expect(serving.records).toMatchObject([{ direct: true, version: 1, prediction: [1] }]);
    expect(serving.records[0]).not.toHaveProperty("shadow");
  });

  it("is not copied again while the challenger is stopped", () => {
    const { serving } = copied();
    serving.deps.rules.stop("s", 2);
    serving.randoms = [0, 0];
    serving.send();
    expect(serving.pool(2).waiting).toHaveLength(1);
    expect(serving.cells().some((cell) => cell.epoch === "c1!" && cell.share === 0)).toBe(true);
  });
});

it("requests that aren't copied are the champion's alone", () => {
  const serving = new FakeServing(rule);
  serving.randoms = [0.5];
  serving.send();
  serving.pool(1).answer(200);
  expect(serving.pool(2).waiting).toHaveLength(0);
  expect(serving.cells()).toMatchObject([{ arm: "champion", epoch: "c1", share: 0, finished: 1 }]);
});

describe("copies under way are bounded", () => {
  it("by their number: the pair beyond it isn't drawn, and that is said", () => {
    const serving = new FakeServing(rule);
    for (let i = 0; i < 70; i++) {
      serving.randoms = [...COPIED.challenger];
      serving.send();
    }
    expect(serving.pool(1).waiting).toHaveLength(70);
    expect(serving.pool(2).waiting).toHaveLength(64);
    expect(serving.deps.shadows.report()).toMatchObject([{ version: 2, epoch: "c1", dropped: 6 }]);
    expect(serving.cells().find((cell) => cell.share === 0)?.started).toBe(6);
    serving.pool(2).answer(200);
    serving.randoms = [...COPIED.challenger];
    serving.send();
    expect(serving.pool(2).waiting).toHaveLength(64);
  });

  it("by their bytes", () => {
    const serving = new FakeServing(rule);
    const body = Buffer.alloc(12 * 1024 * 1024);
    for (let i = 0; i < 4; i++) {
      serving.randoms = [...COPIED.challenger];
      serving.send({ body });
    }
    expect(serving.pool(2).waiting).toHaveLength(2);
  });
});

it("a sticky caller's later copies are compared, and in no test", async () => {
  const dir = await mkdtemp(join(tmpdir(), "slipway-callers-"));
  const seen = new SeenCallers(dir);
  try {
    const serving = new FakeServing({ ...rule, sticky: { header: "X-User" } }, seen);
    for (let i = 0; i < 3; i++) {
      serving.randoms = [...COPIED.challenger];
      serving.send({ headers: { "x-user": "ada" } });
      serving.pool(1).answer(200, "[1]");
      serving.pool(2).answer(200, "[1]");
    }
    const tested = serving.cells().filter((cell) => !cell.epoch.endsWith("~"));
    expect(tested).toMatchObject([{ arm: "challenger", share: 0.5, started: 1 }]);
    expect(serving.deps.shadows.report()).toMatchObject([{ epoch: "c1", compared: 3 }]);
    expect(serving.records.map((record) => record.direct)).toEqual([undefined, true, true]);
  } finally {
    seen.close();
    await rm(dir, { recursive: true, force: true });
  }
});

it("every unit ends once in each arm, in whatever order things happen", () => {
  const happens = fc.constantFrom("champion", "copy", "leave", "stop", "deadline");
  const orders = fc.array(happens, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(orders, fc.boolean(), (order, isChampions) => {
      const { serving, caller, champion, challenger } = copied(isChampions ? "champion" : "challenger");
      for (const what of [...order, "deadline"]) {
        if (what === "champion" && champion.waiting.length > 0) champion.answer(200, "[1]");
        if (what === "copy" && challenger.waiting.length > 0) challenger.answer(200, "[1]");
        if (what === "leave" && !caller.headersSent) caller.leave();
        if (what === "stop") serving.deps.copies.end("s");
        if (what === "deadline") vi.advanceTimersByTime(1_000);
      }
      const cells = serving.cells();
      expect(cells).toHaveLength(2);
      for (const cell of cells) expect(cell.finished + cell.aborted + (cell.stopped ?? 0)).toBe(cell.started);
      // What a caller left is both arms' or none's: our own stop must not look like callers who leave the challenger.
      expect(cells[0]?.aborted).toBe(cells[1]?.aborted);
      // A pair that its caller left is aborted in both arms alike.
      const own = cellOf(serving, "champion");
      if (own?.aborted === 1) expect(cellOf(serving, "challenger")?.aborted).toBe(1);
      expect(serving.records).toHaveLength(own?.finished ?? 0);
      expect(serving.deps.copies.hasRoom("s", 32 * 1024 * 1024)).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    }),
  );
});
