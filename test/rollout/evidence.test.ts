import { array, assert, constantFrom, double, integer, property } from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { appendEvidencePoint, selectEvidence } from "../../src/rollout/commands/evidence-points.ts";
import { estimateOf } from "../../src/rollout/estimate.ts";
import { lateLabels } from "../../src/rollout/evidence-notes.ts";
import { createEvidenceReader, type EvidenceReader } from "../../src/rollout/evidence-reader.ts";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import type { EvidenceUpdate } from "../../src/rollout/evidence-update.ts";
import type { Judgement } from "../../src/rollout/judge.ts";
import { addCounts, percentilesOf, quantileOf } from "../../src/rollout/latency-counts.ts";
import { rolloutMigrations } from "../../src/rollout/migrations.ts";
import { latencyBucket } from "../../src/serving/outcomes.ts";
import { defineCommand, type Database } from "../../src/store/database.ts";
import { memoryDatabase } from "../git/memory-database.ts";
import { policy, World } from "./world.ts";

describe("a rate's interval", () => {
  it("is Wilson's", () => {
    // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    expect(estimateOf({ units: 263, loss: 81 })).toMatchObject({
      low: expect.closeTo(0.2553, 4),
      high: expect.closeTo(0.3662, 4),
    });
    expect(estimateOf({ units: 148, loss: 15 })).toMatchObject({
      low: expect.closeTo(0.0624, 4),
      high: expect.closeTo(0.1605, 4),
    });
    expect(estimateOf({ units: 20, loss: 0 })).toMatchObject({ low: 0, high: expect.closeTo(0.1611, 4) });
    expect(estimateOf({ units: 0, loss: 0 })).toBeNull();
  });

  it("holds the rate, lies in [0, 1] and shrinks with more units", () => {
    assert(
      property(integer({ min: 1, max: 1e6 }), double({ min: 0, max: 1, noNaN: true }), (units, rate) => {
        const one = estimateOf({ units, loss: rate * units });
        const four = estimateOf({ units: units * 4, loss: rate * units * 4 });
        if (!one || !four) throw new Error("no estimate");
        expect(one.low).toBeLessThanOrEqual(one.rate);
        expect(one.high).toBeGreaterThanOrEqual(one.rate);
        expect(one.low).toBeGreaterThanOrEqual(0);
        expect(one.high).toBeLessThanOrEqual(1);
        expect(four.high - four.low).toBeLessThanOrEqual(one.high - one.low + 1e-12);
      }),
    );
  });
});

describe("a latency's quantile", () => {
  it("is that of the values, but for the width of a bucket", () => {
    const value = double({ min: 0.1, max: 30_000, noNaN: true });
    assert(
      property(array(value, { minLength: 1, maxLength: 200 }), constantFrom(0.5, 0.95, 0.99), (values, q) => {
        let counts: [number, number][] = [];
        for (const latency of values) counts = addCounts(counts, [[latencyBucket(latency), 1]]);
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(q * values.length) - 1] ?? 0;
        const found = quantileOf(counts, q) ?? 0;
        expect(found / exact).toBeGreaterThan(0.97);
        expect(found / exact).toBeLessThan(1.03);
      }),
    );
  });

  it("is none without units, and follows a backend's own edges", () => {
    expect(percentilesOf([])).toBeNull();
    expect(quantileOf([[1, 10]], 0.5, [10, 20, 40])).toBe(15);
    expect(quantileOf([[7, 10]], 1, [10, 20, 40])).toBe(40);
  });
});

const append = defineCommand("test.append", async (tx, update: EvidenceUpdate) =>
  appendEvidencePoint(tx, update),
);

function judgement(harm: number): Judgement {
  return {
    verdict: "undecided",
    blamed: null,
    advance: false,
    harm,
    harmThreshold: 100,
    safetyThreshold: 20,
    metrics: [],
    guard: null,
    sentence: "",
  };
}

function look(at: number, changes: Partial<EvidenceUpdate> = {}): EvidenceUpdate {
  const latency = { champion: [], challenger: [], edges: null };
  return { rolloutId: "ro-1", at, share: 5, judgement: judgement(at), latency, shadows: [], ...changes };
}

describe("the history of a rollout", () => {
  let db: Database;
  afterEach(() => db.close());
  const kept = () => db.read((tx) => selectEvidence(tx, "ro-1"));

  it("is thinned evenly, never over 400 points, however long it goes on", async () => {
    db = memoryDatabase(rolloutMigrations);
    let most = 0;
    for (let at = 0; at < 1000 * 500; at += 250) {
      await db.write(append, look(at));
      if (at % 50_000 === 0) most = Math.max(most, (await kept())?.points.length ?? 0);
    }
    const points = (await kept())?.points ?? [];
    expect(Math.max(most, points.length)).toBeLessThanOrEqual(400);
    expect(points.length).toBeGreaterThan(200);
    expect(points[0]?.at).toBe(0);
    const distances = points.slice(1).map((point, i) => point.at - (points[i]?.at ?? 0));
    expect(Math.max(...distances) / Math.min(...distances)).toBeLessThanOrEqual(2);
  });

  it("goes on when the clock was set back", async () => {
    db = memoryDatabase(rolloutMigrations);
    for (const at of [10_000_000, 10_000_100, 5000, 5600]) await db.write(append, look(at));
    expect((await kept())?.points.map(({ at }) => at)).toEqual([10_000_000, 5000, 5600]);
  });

  it("has each point's own 95th percentile, and that of all in the end", async () => {
    db = memoryDatabase(rolloutMigrations);
    const slow = (milliseconds: number, units: number): EvidenceUpdate["latency"] => ({
      champion: [[latencyBucket(milliseconds), units]],
      challenger: [],
      edges: null,
    });
    await db.write(append, look(0, { latency: slow(10, 100) }));
    await db.write(append, look(100, { latency: slow(50, 100) }));
    await db.write(append, look(600, { latency: slow(50, 100) }));
    const { points = [], latency } = (await kept()) ?? {};
    expect(points.map(({ p95 }) => Math.round(p95.champion ?? 0))).toEqual([10, 50]);
    expect(points[1]?.p95.challenger).toBeNull();
    expect(percentilesOf(latency?.champion ?? [])).toMatchObject({ p95: expect.closeTo(50, -1) });
  });

  it("keeps what copies showed over restarts of serve, each difference once", async () => {
    db = memoryDatabase(rolloutMigrations);
    const shadow = (incarnation: string, compared: number, ids: string[]): EvidenceUpdate["shadows"] => [
      {
        service: "m",
        version: 2,
        epoch: "c1",
        incarnation,
        compared,
        differed: ids.length,
        dropped: 1,
        examples: ids.map((requestId, i) => ({ requestId, at: i, champion: ["a"], challenger: ["b"] })),
      },
    ];
    await db.write(append, look(0, { shadows: shadow("one", 10, ["r1"]) }));
    await db.write(append, look(600, { shadows: shadow("one", 20, ["r1", "r2"]) }));
    const many = Array.from({ length: 30 }, (_, i) => `s${i}`);
    await db.write(append, look(1200, { shadows: shadow("two", 5, many) }));
    await db.write(append, look(1800));
    const { shadow: found } = (await kept()) ?? {};
    expect(found).toMatchObject({ compared: 25, differed: 32, dropped: 2 });
    expect(found?.examples).toHaveLength(20);
    expect(found?.examples[0]?.requestId).toBe("s29");
  });
});

describe("labels that come at different times", () => {
  const rows = (loss: number, delay: number, count: number) =>
    Array.from({ length: count }, () => ({ loss, delay }));
  const metrics = [{ name: "accuracy" }];
  it.each([
    [
      "wrong ones later",
      [...rows(1, 60_000, 30), ...rows(0, 20_000, 30)],
      /labels of wrong answers come later.*accuracy.*within/,
    ],
    [
      "right ones later",
      [...rows(1, 20_000, 30), ...rows(0, 60_000, 30)],
      /labels of right answers come later/,
    ],
  ])("are told of: %s", (_, of, said) => {
    expect(lateLabels(metrics, of).join()).toMatch(said);
  });
  it.each([
    ["not twice as late", [...rows(1, 39_000, 30), ...rows(0, 20_000, 30)]],
    ["too few", [...rows(1, 60_000, 29), ...rows(0, 20_000, 300)]],
    ["all at once", [...rows(1, 300, 30), ...rows(0, 100, 30)]],
  ])("are not told of: %s", (_, of) => {
    expect(lateLabels(metrics, of)).toEqual([]);
  });
});

describe("the evidence of a rollout", () => {
  async function open(): Promise<{
    world: World;
    reader: EvidenceReader;
    rollouts: ReturnType<World["open"]>;
  }> {
    const world = new World();
    world.versions.set(1, { fails: 0.01, latency: 10 }).set(2, { fails: 0.3, latency: 12 });
    const rollouts = world.open();
    const reader = createEvidenceReader({
      db: world.db,
      clock: world.clock,
      traffic: () => ({ requestsPerSecond: 5, errorRate: 0.01 }),
    });
    await rollouts.request(world.request(1));
    await world.settle(rollouts);
    return { world, reader, rollouts };
  }
  async function of(reader: EvidenceReader): Promise<RolloutEvidence> {
    const evidence = await reader.ofService("m");
    if (!evidence) throw new Error("no evidence");
    return evidence;
  }
  const allowed = ({ actions }: RolloutEvidence): string[] =>
    actions.filter((action) => action.allowed).map((action) => action.do);

  it("has rates, margins, percentiles, history and what may be done, and stays when it has ended", async () => {
    const { world, reader, rollouts } = await open();
    expect(await reader.ofService("nobody")).toBeUndefined();
    expect(await reader.ofRollout("nothing")).toBeUndefined();
    await rollouts.request(world.request(2, { policy: { ...policy, metrics: [...policy.metrics] } }));
    await world.settle(rollouts);
    const first = await of(reader);
    expect(first).toMatchObject({
      service: "m",
      rollout: {
        version: 2,
        champion: 1,
        state: "progressing",
        share: 5,
        step: 0,
        isShadow: false,
        endedAt: null,
      },
      verdict: "undecided",
      badAnswers: 0,
      harmThreshold: 100,
      safetyThreshold: 20,
      metrics: [{ metric: "errors", margin: "2pp", challengerRate: null }],
      shadow: null,
    });
    expect(first.outlook.join()).toMatch(/^at 5 requests\/s/);
    expect(allowed(first)).toEqual(["promote", "rollback", "hold"]);
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    const last = await of(reader);
    expect(last).toMatchObject({
      verdict: "worse",
      rollout: { state: "rolledback", share: 0 },
      change: [],
      outlook: [],
    });
    expect(last.harm).toBeGreaterThanOrEqual(100);
    expect(last.history.at(-1)?.harm).toBe(Number(last.harm.toPrecision(4)));
    expect(last.badAnswers).toBeGreaterThan(0);
    expect(last.sentence).toMatch(/^version 2 failed .* \d+ bad answers/);
    const [errors] = last.metrics;
    expect(errors?.challengerRate?.rate).toBeCloseTo(0.3, 0);
    // The world's latencies are spread evenly from one to two times what a version takes.
    expect((last.latency.challenger?.p95 ?? 0) / 12).toBeCloseTo(1.95, 1);
    expect((last.latency.champion?.p95 ?? 0) / 10).toBeCloseTo(1.95, 1);
    expect(await reader.ofRollout(last.rollout.id)).toEqual(last);
    expect(JSON.parse(JSON.stringify(last))).toEqual(last);
  });

  it("says that a latency may be slower by the larger of two, and when its copies end", async () => {
    const { world, reader, rollouts } = await open();
    const metrics = [{ name: "latency" as const, quantile: 0.95, worseBy: 0.2, floor: 5 }];
    const shadow = { share: 20, for: 60_000 };
    await rollouts.request(world.request(2, { policy: { ...policy, metrics, shadow } }));
    await world.settle(rollouts);
    const { metrics: told, rollout } = await of(reader);
    expect(told[0]?.margin).toBe("20%, ≥5 ms");
    expect(rollout.phaseEndsAt).toBe((rollout.progressingAt ?? 0) + 60_000);
    await rollouts.byHand({ service: "m", do: "hold", who: "ada", roles: "all", reason: "" });
    expect((await of(reader)).rollout.phaseEndsAt).toBeNull();
  });

  it("of a switch compares nothing, unless copies were sent before it", async () => {
    const switches = { ...policy, kind: "blue-green" as const, steps: [], watch: 60_000 };
    for (const shadow of [null, { share: 100, for: null }]) {
      const { world, reader, rollouts } = await open();
      await rollouts.request(world.request(2, { policy: { ...switches, shadow } }));
      await world.settle(rollouts);
      world.backend.serve("m", 20);
      await world.settle(rollouts);
      const isShadow = shadow !== null;
      const share = isShadow ? 0 : 100;
      expect(await of(reader)).toMatchObject({ compares: isShadow, rollout: { isShadow, share } });
      if (isShadow) continue;
      world.clock.time += switches.watch;
      await world.settle(rollouts);
      const { badAnswers, sentence } = await of(reader);
      expect(badAnswers).toBeGreaterThan(0);
      // Told once, as what failed.
      expect(sentence).toContain(`failed ${badAnswers} of 20 requests after the switch`);
      expect(sentence).not.toContain("bad answer");
    }
  });

  it("says how long it will take at the traffic that comes, and that none comes", async () => {
    const { world, reader, rollouts } = await open();
    world.versions.set(2, { fails: 0.01, latency: 10 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    for (let i = 0; i < 10; i++) {
      world.clock.time += 1000;
      world.backend.serve("m", 20);
      await world.settle(rollouts);
    }
    const now = await of(reader);
    expect(now.change.join()).toMatch(/more failed requests of version 2 with none of version 1 take it out/);
    expect(now.outlook.join()).toMatch(/^at 20 requests\/s an equal version is promoted in about/);
    world.clock.time += 120_000;
    expect((await of(reader)).outlook.join()).toMatch(/^no requests come now/);
  });

  it("changes its mark when anything is counted or decided, and only then", async () => {
    const { world, reader, rollouts } = await open();
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    const before = await reader.mark("m");
    await world.settle(rollouts);
    expect(await reader.mark("m")).toBe(before);
    world.backend.serve("m", 20);
    await world.settle(rollouts);
    expect(await reader.mark("m")).not.toBe(before);
    const counted = await reader.mark("m");
    await rollouts.byHand({ service: "m", do: "hold", who: "ada", roles: "all", reason: "" });
    expect(await reader.mark("m")).not.toBe(counted);
    expect(allowed(await of(reader))).toEqual(["promote", "rollback", "resume"]);
    expect(await reader.mark("nobody")).toBeUndefined();
  });
});
