import { describe, expect, it } from "vitest";
import { type Decider, play, type Request, type World } from "../../../bench/rollout/play.ts";
import { Random } from "../../../bench/rollout/random.ts";
import { bursts, heavyTailed, Queues, steady, swing, varying } from "../../../bench/rollout/worlds.ts";

/** Takes given shares at given times, and keeps what it is told. */
class Recorder implements Decider {
  share = 0;
  isDone = false;
  nextTick = 0;
  readonly requests: Request[] = [];
  readonly ends: number[] = [];
  readonly labels: Request[] = [];
  readonly #steps: [at: number, share: number][];

  constructor(steps: [at: number, share: number][]) {
    this.#steps = [...steps];
  }

  assigned(request: Request): void {
    this.requests.push(request);
  }

  ended(_request: Request, at: number): void {
    this.ends.push(at);
  }

  labelled(request: Request): void {
    this.labels.push(request);
  }

  tick(): void {
    this.share = this.#steps.shift()?.[1] ?? this.share;
    this.nextTick = this.#steps[0]?.[0] ?? Infinity;
  }
}

function record(world: World, steps: [number, number][], seconds: number, sticky?: "request"): Recorder {
  const recorder = new Recorder(steps);
  play(world, recorder, new Random(5, 1), { baseline: 100, seconds }, sticky);
  return recorder;
}

const part = (requests: readonly Request[], is: (request: Request) => boolean) =>
  requests.filter(is).length / requests.length;

describe("the model of the router", () => {
  it("sends requests at the world's rate, all to the champion before the rollout, then by the share", () => {
    const { requests } = record(steady(20, {}), [[0, 0.25]], 1000);
    const before = requests.filter(({ at }) => at < 0);
    const during = requests.filter(({ at }) => at >= 0);
    expect(before.length / 100).toBeGreaterThan(18);
    expect(part(before, ({ arm }) => arm === "champion")).toBe(1);
    expect(during.length / 1000).toBeCloseTo(20, 0);
    expect(part(during, ({ arm }) => arm === "challenger")).toBeCloseTo(0.25, 1);
    expect(new Set(during.map(({ share }) => share))).toEqual(new Set([0.25]));
  });

  it("fails, delays and labels as the behaviour says, and keeps the order of time", () => {
    const world = steady(50, {
      failure: (arm) => (arm === "challenger" ? 0.3 : 0.1),
      seconds: (request) => (request.failed ? 30 : 0.1),
      labels: { wrong: (arm) => (arm === "challenger" ? 0.4 : 0.2), known: 0.5, delay: () => 60 },
    });
    const { requests, ends, labels } = record(world, [[0, 0.5]], 400);
    const of = (arm: string) => requests.filter((request) => request.at >= 0 && request.arm === arm);
    expect(part(of("challenger"), ({ failed }) => failed)).toBeCloseTo(0.3, 1);
    expect(part(of("champion"), ({ failed }) => failed)).toBeCloseTo(0.1, 1);
    expect(ends.every((at, i) => i === 0 || at >= ends[i - 1]!)).toBe(true);
    // Failures of the last half minute haven't ended.
    expect(ends.length).toBeLessThan(requests.length);
    expect(labels.every(({ failed }) => !failed)).toBe(true);
    expect(
      part(
        labels.filter(({ arm }) => arm === "challenger"),
        ({ loss }) => loss === 1,
      ),
    ).toBeCloseTo(0.4, 1);
  });

  it("lets impatient callers leave", () => {
    const world = steady(20, { latency: (_arm, _at, uniform) => 100 * uniform, patience: () => 80 });
    const { requests } = record(world, [[0, 0.5]], 500);
    expect(part(requests, ({ aborted }) => aborted)).toBeCloseTo(0.2, 1);
    expect(requests.every(({ latency }) => latency <= 80)).toBe(true);
  });

  it("draws the same requests whatever the shares are", () => {
    const world = () => steady(5, { failure: () => 0.2, latency: (_arm, _at, uniform) => uniform });
    const one = record(world(), [[0, 0.05]], 500).requests;
    const other = record(world(), [[0, 0.5]], 500).requests;
    expect(other.map(({ at }) => at)).toEqual(one.map(({ at }) => at));
    expect(other.map(({ failed, latency }) => [failed, latency])).toEqual(
      one.map(({ failed, latency }) => [failed, latency]),
    );
  });
});

describe("sticky callers", () => {
  const world = () => steady(50, {}, 4000);

  it("count by their first request, after a step with the probability of being moved", () => {
    const { requests } = record(
      world(),
      [
        [0, 0.05],
        [400, 0.25],
      ],
      900,
    );
    const units = requests.filter(({ at, isUnit }) => at >= 0 && isUnit);
    expect(new Set(units.map(({ share }) => share.toFixed(4)))).toEqual(
      new Set(["0.0500", "0.2105", "0.2500"]),
    );
    const moved = units.filter(({ share }) => share > 0.2 && share < 0.22);
    expect(moved.length).toBeGreaterThan(3000);
    expect(part(moved, ({ arm }) => arm === "challenger")).toBeCloseTo(0.2 / 0.95, 1);
    // Nobody twice at the same step, and who was with the challenger brings nothing new.
    const early = units.filter(({ at }) => at < 400);
    const challengers = new Set(early.filter(({ arm }) => arm === "challenger").map(({ caller }) => caller));
    expect(new Set(early.map(({ caller }) => caller)).size).toBe(early.length);
    expect(units.filter(({ at, caller }) => at >= 400 && challengers.has(caller))).toEqual([]);
  });

  it("stay where they are, and are all units in the model that is wrong on purpose", () => {
    const { requests } = record(world(), [[0, 0.3]], 300, "request");
    const during = requests.filter(({ at }) => at >= 0);
    const arms = new Map<number, string>();
    for (const { caller, arm } of during) {
      expect(arms.get(caller) ?? arm).toBe(arm);
      arms.set(caller, arm);
    }
    expect(during.every(({ isUnit, share }) => isUnit && share === 0.3)).toBe(true);
  });
});

describe("worlds", () => {
  it("swing between their two rates", () => {
    const rate = swing(0.002, 0.05, 100, 0);
    const values = Array.from({ length: 200 }, (_, i) => rate(i / 2));
    expect(Math.min(...values)).toBeCloseTo(0.002, 4);
    expect(Math.max(...values)).toBeCloseTo(0.05, 4);
  });

  it("thin their requests to a rate that varies", () => {
    const world = varying(40, (at) => (at < 500 ? 40 : 4), {});
    const { requests } = record(world, [[0, 0.5]], 1000);
    expect(requests.filter(({ at }) => at >= 500).length / 500).toBeCloseTo(4, 0);
  });

  it("have bursts as often and as long as asked", () => {
    const isBurst = bursts(new Random(2, 2), 90, 10);
    let seconds = 0;
    for (let at = 0; at < 100_000; at++) if (isBurst(at)) seconds++;
    expect(seconds / 100_000).toBeCloseTo(0.1, 1);
  });

  it("have a tail that a log-normal has not", () => {
    expect(heavyTailed(0.5, 50)).toBeGreaterThan(45);
    expect(heavyTailed(0.5, 50)).toBeLessThan(55);
    expect(heavyTailed(0.9999, 50)).toBeGreaterThan(3000);
  });

  it("wait in the queue of their own arm", () => {
    const queues = new Queues({ champion: 2, challenger: 1 });
    expect(queues.serve("champion", 0, 1000)).toBe(1000);
    expect(queues.serve("champion", 0, 1000)).toBe(1000);
    expect(queues.serve("champion", 0.5, 1000)).toBe(1500);
    expect(queues.serve("challenger", 0.5, 1000)).toBe(1000);
    expect(queues.serve("challenger", 1, 100)).toBeCloseTo(600, 6);
  });
});
