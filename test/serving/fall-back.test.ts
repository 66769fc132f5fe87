import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { latencyBucket } from "../../src/serving/outcomes.ts";
import { FakeServing } from "../support/fake-serving.ts";
import { ruleFor } from "../support/serving-platform.ts";

const rule = ruleFor("s", { challenger: 2, share: 0.5, fallback: true, timeoutMs: 1_000 });
const DRAWN = { challenger: 0, champion: 0.9 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A request that was drawn for the challenger. */
function drawn(own = rule) {
  const serving = new FakeServing(own);
  serving.randoms = [DRAWN.challenger];
  return { serving, caller: serving.send(), champion: serving.pool(1), challenger: serving.pool(2) };
}

describe("what the challenger fails", () => {
  it.each([500, 400, 503, "lost"] as const)("by %s is answered by the champion", (status) => {
    const { serving, caller, champion, challenger } = drawn();
    serving.ticks = 30;
    challenger.answer(status);
    expect(caller.headersSent).toBe(false);
    serving.ticks = 50;
    champion.answer(200, "[7]");
    expect(caller.status).toBe(200);
    expect(caller.headers).toMatchObject({ "x-slipway-variant": "1", "x-slipway-fallback": "2" });
    expect(serving.cells()).toMatchObject([
      { arm: "challenger", version: 2, share: 0.5, started: 1, finished: 1, failed: 1, fellBack: 1 },
    ]);
    // Both tries together.
    expect(serving.cells()[0]?.latency).toEqual({ counts: [[latencyBucket(50), 1]], sum: 50 });
    expect(serving.records).toMatchObject([
      {
        arm: "challenger",
        version: 1,
        status: 200,
        prediction: [7],
        fallback: { version: 2, status: status === "lost" ? 500 : status },
      },
    ]);
  });

  it.each(["full", "gone"])("because it is %s is answered by the champion too", (why) => {
    const serving = new FakeServing(rule);
    if (why === "full") serving.pool(2).full = true;
    else serving.pools.delete(2);
    serving.randoms = [DRAWN.challenger];
    const caller = serving.send();
    serving.pool(1).answer(200);
    expect(caller.status).toBe(200);
    expect(serving.cells()).toMatchObject([{ arm: "challenger", failed: 1, fellBack: 1 }]);
  });

  it("is the champion's failure as well when that fails too, and not covered", () => {
    const { serving, caller, champion, challenger } = drawn();
    challenger.answer(500);
    champion.answer(400);
    expect([caller.status, caller.body]).toEqual([400, "400"]);
    expect(caller.headers).toMatchObject({ "x-slipway-variant": "1", "x-slipway-fallback": "2" });
    expect(serving.cells()).toMatchObject([{ finished: 1, failed: 1, fellBack: 0 }]);
  });

  it("stays its failure where no champion can take it", () => {
    const { serving, caller, champion, challenger } = drawn();
    champion.full = true;
    challenger.answer(500);
    expect(caller.status).toBe(500);
    expect(caller.headers).toMatchObject({ "x-slipway-variant": "2" });
    expect(caller.headers).not.toHaveProperty("x-slipway-fallback");
    expect(serving.cells()).toMatchObject([{ finished: 1, failed: 1, fellBack: 0 }]);
  });

  it("must be answered within the same deadline", () => {
    const { serving, caller, champion, challenger } = drawn();
    vi.advanceTimersByTime(900);
    challenger.answer(500);
    vi.advanceTimersByTime(99);
    expect(caller.headersSent).toBe(false);
    vi.advanceTimersByTime(1);
    expect(caller.status).toBe(504);
    expect(champion.cancelled).toBe(1);
    expect(serving.cells()).toMatchObject([{ finished: 1, failed: 1, fellBack: 0 }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("by taking the whole deadline leaves the champion no time", () => {
    const { serving, caller, champion } = drawn();
    vi.advanceTimersByTime(1_000);
    expect(caller.status).toBe(504);
    expect(champion.waiting).toHaveLength(0);
    expect(serving.cells()).toMatchObject([{ finished: 1, failed: 1, fellBack: 0 }]);
  });

  it("stays failed when the caller leaves while the champion is asked", () => {
    const { serving, caller, champion, challenger } = drawn();
    challenger.answer(500);
    serving.ticks = 70;
    caller.leave();
    expect(champion.cancelled).toBe(1);
    const [cell] = serving.cells();
    expect(cell).toMatchObject({ finished: 1, failed: 1, aborted: 0, fellBack: 0, leftFailed: 1 });
    // It waited so long and got nothing: no latency of an answer.
    expect(cell?.latency.counts).toEqual([]);
    expect(cell?.abortedLatency).toEqual({ counts: [[latencyBucket(70), 1]], sum: 70 });
  });
});

it("a caller who leaves before is aborted, with the time waited", () => {
  const { serving, caller, challenger } = drawn();
  serving.ticks = 40;
  caller.leave();
  expect(challenger.cancelled).toBe(1);
  const [cell] = serving.cells();
  expect(cell).toMatchObject({ finished: 0, failed: 0, aborted: 1 });
  expect(cell?.abortedLatency).toEqual({ counts: [[latencyBucket(40), 1]], sum: 40 });
  expect(serving.records).toEqual([]);
});

it.each([
  ["without the project's wish", { ...rule, fallback: false }, undefined, DRAWN.challenger, 2],
  ["for the champion", rule, undefined, DRAWN.champion, 1],
  ["for a version in the path", rule, 2, DRAWN.challenger, 2],
] as const)("nothing falls back %s", (_, own, version, random, asked) => {
  const serving = new FakeServing(own);
  serving.randoms = [random];
  const caller = serving.send(version === undefined ? {} : { version });
  serving.pool(asked).answer(500);
  expect(caller.status).toBe(500);
  expect(caller.headers).not.toHaveProperty("x-slipway-fallback");
});
