import { describe, expect, it } from "vitest";
import { LoadMeter } from "../../src/serving/router/load-meter.ts";
import { MAX_TOGETHER, Placement } from "../../src/serving/router/placement.ts";
import { scale } from "../../src/serving/router/scale.ts";
import { hangs, isSilent } from "../../src/serving/router/silence.ts";
import type { ScaleInput, ScaleState } from "../../src/serving/router/scale.ts";

const rule = { max: 4, concurrency: 4, idleMs: 600_000 };
const none: ScaleState = { workers: 1, neededAt: 0, neededSince: 0 };
const look = (state: ScaleState, more: Partial<ScaleInput>): ScaleState =>
  scale(state, { min: 1, rule, load: 0, requestAt: 0, now: 0, ...more });

describe("how many workers", () => {
  it("stays at the least where nothing says how to scale", () => {
    expect(look(none, { rule: undefined, min: 2, load: 500 }).workers).toBe(2);
  });

  it("goes up at once as far as the load asks for, and no further than the most", () => {
    expect(look(none, { load: 4 }).workers).toBe(1);
    expect(look(none, { load: 4.1 }).workers).toBe(2);
    expect(look(none, { load: 400 }).workers).toBe(4);
  });

  it("goes down after a quiet minute, to what was needed in it", () => {
    const busy = look(none, { load: 16, now: 1_000 });
    const less = look(busy, { load: 7, now: 30_000, requestAt: 30_000 });
    const least = look(less, { load: 1, now: 60_000, requestAt: 60_000 });
    expect([busy, less, least].map(({ workers }) => workers)).toEqual([4, 4, 4]);
    const quiet = look(least, { load: 1, now: 61_000, requestAt: 61_000 });
    expect(quiet.workers).toBe(2);
    expect(look(quiet, { load: 1, now: 121_000, requestAt: 121_000 }).workers).toBe(1);
  });

  it("goes to none only where that is allowed, when nobody has asked for the idle time", () => {
    const later = { now: 600_000, requestAt: 0 };
    expect(look(none, later).workers).toBe(1);
    expect(look(none, { ...later, min: 0 }).workers).toBe(0);
    expect(look(none, { ...later, min: 0, requestAt: 1 }).workers).toBe(1);
    expect(look(none, { ...later, min: 0, load: 0.001 }).workers).toBe(1);
  });
});

describe("the load meter", () => {
  it("gives the mean over time, and goes on with what is under way", () => {
    const meter = new LoadMeter(0);
    meter.add(1, 0);
    meter.add(1, 50);
    meter.add(-1, 75);
    expect(meter.endWindow(100)).toBe(1.25);
    expect(meter.endWindow(200)).toBe(1);
    meter.add(-1, 200);
    expect(meter.endWindow(300)).toBe(0);
    expect(meter.smoothed).toBeGreaterThan(0);
    expect(meter.smoothed).toBeLessThan(1);
  });
});

describe("silence", () => {
  const heard = (silence: number, patience: number, longestSilence?: number) => ({
    silence: () => silence,
    patience,
    longestSilence,
  });

  it("is more than a quarter of the deadline, or well beyond what was ever taken", () => {
    expect([500, 501].map((ms) => isSilent(heard(ms, 2_000), 0))).toEqual([false, true]);
    expect([500, 501].map((ms) => isSilent(heard(ms, 60_000, 3), 0))).toEqual([false, true]);
    expect([3_000, 3_001].map((ms) => isSilent(heard(ms, 60_000, 300), 0))).toEqual([false, true]);
    expect(isSilent(heard(100, 10), 0)).toBe(false);
  });

  it("is given up after twice the deadline, never before two seconds", () => {
    expect([4_000, 4_001].map((ms) => hangs(heard(ms, 2_000), 0))).toEqual([false, true]);
    expect([2_000, 2_001].map((ms) => hangs(heard(ms, 10), 0))).toEqual([false, true]);
  });
});

describe("placement", () => {
  let now = 0;
  const make = () => {
    let made = 0;
    return new Placement(
      () => `p${(made += 1)}`,
      () => now,
    );
  };
  const of = (service: string) => ({ service });

  it("puts small models together, versions of one service apart, and alone what is to be alone", () => {
    const placement = make();
    expect(placement.place("a1", of("a"), false)).toEqual({ process: "p1", isShared: true });
    expect(placement.place("b1", of("b"), false).process).toBe("p1");
    expect(placement.place("a2", of("a"), false).process).toBe("p2");
    expect(placement.place("c1", of("c"), true)).toEqual({ process: "p3", isShared: false });
    expect(placement.place("d1", of("d"), false).process).toBe("p1");
    expect(placement.neighbours("a1")).toBe(2);
    expect(placement.neighbours("c1")).toBe(0);
  });

  it("fills a process up to its most", () => {
    const placement = make();
    const places = Array.from({ length: MAX_TOGETHER + 1 }, (_, i) =>
      placement.place(`w${i}`, of(`s${i}`), false),
    );
    expect(new Set(places.slice(0, -1).map(({ process }) => process)).size).toBe(1);
    expect(places.at(-1)?.process).toBe("p2");
  });

  it("never uses the name of a process again that has lost its last worker", () => {
    const placement = make();
    placement.place("a1", of("a"), false);
    placement.leave("a1");
    expect(placement.place("a2", of("a"), false).process).toBe("p2");
  });

  it("gives a process to the one worker in it that asks, until that lets others in again", () => {
    const placement = make();
    placement.place("a1", of("a"), false);
    expect(placement.claim("a1")).toBe(true);
    expect(placement.place("b1", of("b"), false).process).toBe("p2");
    placement.release("a1");
    placement.place("c1", of("c"), false);
    expect(placement.claim("c1")).toBe(false);
  });

  it("lets nobody into a process that has trouble, until that is long ago", () => {
    const placement = make();
    placement.place("a1", of("a"), false);
    placement.close("a1");
    placement.release("a1");
    expect(placement.place("b1", of("b"), true).process).toBe("p2");
    expect(placement.place("c1", of("c"), false).process).toBe("p3");
    now = 600_000;
    expect(placement.place("b2", of("b"), false).process).toBe("p1");
  });

  it("suspects the one that it was busy with longest, where there are several", () => {
    const placement = make();
    for (const name of ["a", "b", "c"]) placement.place(name, of(name), false);
    placement.suspect("b", 20);
    placement.suspect("c", 10);
    expect(["a", "b", "c"].filter((worker) => placement.isSuspect(worker))).toEqual(["c"]);
    placement.acquit("c");
    expect(["a", "b", "c"].filter((worker) => placement.isSuspect(worker))).toEqual([]);
    placement.place("d", of("d"), true);
    placement.suspect("d", 1);
    expect(placement.isSuspect("d")).toBe(false);
  });
});
