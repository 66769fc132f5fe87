import { describe, expect, it } from "vitest";
import { quantile, upperBound } from "../../../bench/rollout/confidence.ts";
import { binomial, hash, normalQuantile, poisson, Random } from "../../../bench/rollout/random.ts";
import { hardestPoint, Sprt } from "../../../bench/rollout/sprt.ts";
import { projectOnNull } from "../../../src/rollout/statistics/projection.ts";

describe("upperBound", () => {
  it("is the exact one-sided Clopper-Pearson bound", () => {
    // No hit of n: 1 - 0.05^(1/n); the others from tables of the beta distribution's quantiles.
    expect(upperBound(0, 4000)).toBeCloseTo(1 - 0.05 ** (1 / 4000), 8);
    expect(upperBound(1, 10)).toBeCloseTo(0.394163, 5);
    expect(upperBound(5, 100)).toBeCloseTo(0.102253, 4);
    expect(upperBound(10, 10)).toBe(1);
  });

  it("has the rate at which so few hits have the remaining probability", () => {
    const random = new Random(1, 1);
    const bound = upperBound(12, 1000);
    const few = Array.from({ length: 4000 }, () => binomial(random, 1000, bound)).filter(
      (hits) => hits <= 12,
    );
    expect(few.length / 4000).toBeGreaterThan(0.035);
    expect(few.length / 4000).toBeLessThan(0.065);
  });
});

it("takes what never came as infinitely late in a quantile", () => {
  expect(quantile([3, null, 1, 2], 0.5)).toBe(2);
  expect(quantile([3, null, 1, null], 0.95)).toBe(Infinity);
});

describe("random numbers", () => {
  it("repeat with their seed and differ between streams", () => {
    const first = new Random(hash("a"), 1);
    const again = new Random(hash("a"), 1);
    const other = new Random(hash("a"), 2);
    const take = (random: Random) => Array.from({ length: 5 }, () => random.next());
    const numbers = take(first);
    expect(take(again)).toEqual(numbers);
    expect(take(other)).not.toEqual(numbers);
  });

  it("have the means of their distributions", () => {
    const random = new Random(3, 1);
    const mean = (draw: () => number) =>
      Array.from({ length: 20_000 }, draw).reduce((a, b) => a + b) / 20_000;
    expect(mean(() => random.next())).toBeCloseTo(0.5, 1);
    expect(mean(() => poisson(random, 3.5))).toBeCloseTo(3.5, 1);
    expect(mean(() => binomial(random, 40, 0.9)) / 40).toBeCloseTo(0.9, 2);
    expect(mean(() => normalQuantile(random.next()) ** 2)).toBeCloseTo(1, 1);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 6);
    expect(normalQuantile(0.001)).toBeCloseTo(-3.090232, 6);
  });
});

describe("the sequential test that knows both rates", () => {
  const rates = { champion: 0.1, challenger: 0.4 };
  const hypothesis = { ratio: 1, margin: 0.05 };

  it("plays against the same point as the product's projection", () => {
    for (const share of [0.05, 0.1, 0.5]) {
      const own = hardestPoint(hypothesis, rates, share);
      const { p0, p1 } = projectOnNull(
        { ...hypothesis, side: "within" },
        share,
        rates.champion,
        rates.challenger,
      );
      expect(own.champion).toBeCloseTo(p0, 6);
      expect(own.challenger).toBeCloseTo(p1, 6);
    }
  });

  it("rejects at the null's edge at most as often as declared, nearly as often, and finds the fault always", () => {
    const share = 0.3;
    const edge = hardestPoint(hypothesis, rates, share);
    const rejected = (real: { champion: number; challenger: number }) => {
      let hits = 0;
      for (let i = 1; i <= 2000; i++) {
        const random = new Random(7, i);
        const sprt = new Sprt(hypothesis, rates, share, 0.05);
        for (let unit = 0; unit < 400 && sprt.rejectedAt === null; unit++) {
          const arm = random.next() < share ? "challenger" : "champion";
          sprt.unit(arm, random.next() < real[arm], unit);
        }
        if (sprt.rejectedAt !== null) hits++;
      }
      return hits / 2000;
    };
    const atEdge = rejected(edge);
    expect(atEdge).toBeLessThan(0.06);
    expect(atEdge).toBeGreaterThan(0.02);
    expect(rejected(rates)).toBeGreaterThan(0.98);
  });
});
