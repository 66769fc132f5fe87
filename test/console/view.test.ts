import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { actionsOf, consequence, deedTitle, needsReason } from "../../console/view/actions.ts";
import { ago, count, duration, milliseconds, percent, wealth } from "../../console/view/format.ts";
import { hasTrial, headline } from "../../console/view/headline.ts";
import { ceilingOf, clamp, decades, progress } from "../../console/view/scale.ts";
import { marginInPoints, rateColumns, shareChanges, upperEdge, wilson } from "../../console/view/series.ts";
import { partsOf } from "../../console/view/prose.ts";
import { scenes, type Scene } from "./fixtures/evidence.ts";

const NOW = Date.UTC(2026, 10, 21, 3, 12);
const plain = (text: string) => text.replaceAll("\u202f", " ");
const told = ({ service, evidence }: Scene, now = NOW) => {
  const { tone, title, detail } = headline(service, evidence, now);
  return { tone, title: plain(title), detail: plain(detail) };
};

describe("numbers", () => {
  it.each([
    [count(2890), "2,890"],
    [count(1_234_567.25), "1,234,567.3"],
    [count(0), "0"],
    [percent(0.0123), "1.23 %"],
    [percent(0.2321), "23.2 %"],
    [percent(0.00003), "< 0.01 %"],
    [percent(0), "0 %"],
    [milliseconds(44.123), "44.1 ms"],
    [milliseconds(12_345), "12.3 s"],
    [duration(4_100), "4.1 s"],
    [duration(59_999), "59 s"],
    [duration(7_500_000), "2 h 5 min"],
    [duration(3 * 86_400_000), "3 d"],
    [ago(NOW - 12_000, NOW), "12 s ago"],
    [ago(NOW + 5_000, NOW), "just now"],
    [wealth(0.004), "< 0.01"],
    [wealth(0.3), "0.3"],
    [wealth(1234.5), "1,235"],
    [wealth(2.53e7), "2.5×10⁷"],
    [wealth(Infinity), "∞"],
  ])("%s", (shown, expected) => expect(plain(shown)).toBe(expected));
});

describe("the scale of evidence", () => {
  const value = fc.oneof(
    fc.double({ min: 0, max: 1e300, noNaN: true }),
    fc.constant(null),
    fc.constant(Infinity),
  );
  const threshold = fc.double({ min: 2, max: 1e4, noNaN: true });

  it("holds 1, the threshold below its top, and every value that is clamped to it", () => {
    fc.assert(
      fc.property(fc.array(value), threshold, (values, threshold) => {
        const range = decades(values, threshold);
        expect(range.min).toBeGreaterThan(0);
        expect(range.min).toBeLessThanOrEqual(1);
        expect(range.max).toBeGreaterThan(threshold);
        expect(Math.log10(range.max / range.min)).toBeLessThan(12);
        for (const each of values) {
          expect(clamp(each, range)).toBeGreaterThanOrEqual(range.min);
          expect(clamp(each, range)).toBeLessThanOrEqual(range.max);
        }
      }),
    );
  });

  it("is full at the threshold, empty without evidence, and never goes back", () => {
    fc.assert(
      fc.property(value, value, threshold, (a, b, threshold) => {
        const [low = 0, high = 0] = [a ?? Infinity, b ?? Infinity].sort((x, y) => x - y);
        expect(progress(low, threshold)).toBeLessThanOrEqual(progress(high, threshold));
        expect(progress(threshold, threshold)).toBe(1);
        expect(progress(1, threshold)).toBe(0);
      }),
    );
  });

  it("isn't pressed flat by the first requests", () => {
    const lines = [[0.9, 0.3, 0.05, 0.05, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04]];
    expect(ceilingOf(lines)).toBeCloseTo(0.075);
    expect(ceilingOf([[0, 0]])).toBeGreaterThan(0);
    expect(ceilingOf([])).toBeGreaterThan(0);
  });
});

describe("the drawn line of evidence", () => {
  const times = Array.from({ length: 241 }, (_, i) => i);

  it("doesn't flicker with what is under way", () => {
    const rising = times.map((time) => time / 10 + 1);
    const dipping = rising.map((value, i) => (i % 2 === 0 ? value : value / 5));
    const drawn = upperEdge(times, dipping).map((value) => value ?? Infinity);
    expect(drawn.every((value, i) => i === 0 || value >= (drawn[i - 1] ?? 0))).toBe(true);
    expect(drawn.every((value, i) => Math.abs(value - (rising[i] ?? 0)) <= 0.2 + 1e-9)).toBe(true);
  });

  it("stays what it is with few points, and infinite where it is infinite", () => {
    expect(upperEdge([0, 10, 20], [1, 5, 2])).toEqual([1, 5, 2]);
    expect(upperEdge([0, 10, 20], [1, null, 2])).toEqual([1, null, 2]);
    expect(upperEdge([], [])).toEqual([]);
    expect(upperEdge([3], [7])).toEqual([7]);
  });
});

describe("sentences of the platform", () => {
  it.each([
    ["wait for `slipway approve m`, then go on", ["wait for ", "*slipway approve m", ", then go on"]],
    ["`a`", ["*a"]],
    ["it`s one", ["it`s one"]],
    ["", []],
  ])("%s", (text, parts) => {
    expect(partsOf(text).map((part) => (part.isCode ? "*" : "") + part.text)).toEqual(parts);
  });
});

describe("intervals", () => {
  it("hold the rate and stay rates", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (units, rate) => {
          const interval = wilson({ units, loss: units * rate });
          expect(interval?.low).toBeGreaterThanOrEqual(0);
          expect(interval?.high).toBeLessThanOrEqual(1);
          expect(interval?.low).toBeLessThanOrEqual(rate + 1e-12);
          expect(interval?.high).toBeGreaterThanOrEqual(rate - 1e-12);
        },
      ),
    );
  });

  it("are Wilson's", () => {
    // 2 of 20: statsmodels' proportion_confint(2, 20, method="wilson").
    expect(wilson({ units: 20, loss: 2 })?.low).toBeCloseTo(0.02787, 4);
    expect(wilson({ units: 20, loss: 2 })?.high).toBeCloseTo(0.301, 3);
    expect(wilson({ units: 0, loss: 0 })).toBeNull();
  });

  it("of a metric that a point doesn't know are gaps", () => {
    const history = scenes.undecided(NOW).evidence?.history ?? [];
    expect(
      rateColumns(history, "nobody")
        .lines.flat()
        .every((value) => value === null),
    ).toBe(true);
  });

  it("know margins in points only", () =>
    expect(["0.5pp", "1 pp", "20%"].map(marginInPoints)).toEqual([0.005, 0.01, null]));
});

it("marks where the share changed, and only there", () => {
  const history = scenes.advanced(NOW).evidence?.history ?? [];
  expect(shareChanges(history).map(({ share }) => share)).toEqual([25]);
});

describe("the headline", () => {
  it.each<[keyof typeof scenes, string, string]>([
    ["undecided", "trial", "Version 3 is on trial: 5 % of requests, undecided"],
    ["takenOut", "out", "Version 3 was taken out 4 min ago"],
    ["held", "attention", "Version 3 is held at 5 %: not enough data for a verdict"],
    ["shadow", "trial", "Version 3 gets copies of requests"],
    ["steady", "calm", "Version 1 serves all requests"],
  ])("of a service that is %s", (name, tone, title) =>
    expect(told(scenes[name](NOW))).toMatchObject({ tone, title }),
  );

  it("of a switch says that the champion waits, and how long", () => {
    const { service, evidence } = scenes.undecided(NOW);
    const rollout = { ...evidence!.rollout, kind: "blue-green" as const, steps: [], share: 100 };
    const switched = { ...evidence!, rollout: { ...rollout, phaseEndsAt: NOW + 90_000, deadlineAt: null } };
    expect(told({ service: { ...service, weight: 100 }, evidence: switched })).toEqual({
      tone: "trial",
      title: "Version 3 answers all requests, and is watched",
      detail: "Version 2 stays ready to go back to. It is promoted in 1 min.",
    });
    const unjudged = { ...switched, compares: false, badAnswers: 95 };
    expect(told({ service: { ...service, weight: 100 }, evidence: unjudged })).toMatchObject({
      tone: "attention",
      detail: expect.stringContaining("Callers got 95 bad answers, and no test judges"),
    });
    const promoted = { ...service, weight: 0, rollout: { ...service.rollout!, state: "promoted" } };
    const ended = { ...unjudged, rollout: { ...unjudged.rollout, endedAt: NOW - 9000 } };
    expect(told({ service: promoted, evidence: ended })).toMatchObject({ tone: "attention" });
    expect(told({ service: promoted, evidence: { ...ended, badAnswers: 0 } })).toMatchObject({
      tone: "calm",
    });
  });

  it("calls nothing good enough that waits for a yes without a verdict", () => {
    const { service, evidence } = scenes.held(NOW);
    const rollout = { ...service.rollout!, reason: "needs-approval" };
    const waits = (verdict: "undecided" | "within-margin", isShadow: boolean) =>
      told({
        service: { ...service, rollout },
        evidence: { ...evidence!, verdict, rollout: { ...evidence!.rollout, isShadow } },
      }).title;
    expect(waits("undecided", true)).toBe("Version 3 is held with copies only: waits for approval");
    expect(waits("within-margin", false)).toBe("Version 3 is held at 5 %: good enough, waits for approval");
  });

  it("calls nobody promoted who was on no trial", () => {
    const { service, evidence } = scenes.takenOut(NOW);
    const promoted = { ...service, rollout: { ...service.rollout!, state: "promoted" } };
    expect(told({ service: promoted, evidence }).title).toBe("Version 3 was promoted 4 min ago");
    const back = { ...evidence!, history: [], rollout: { ...evidence!.rollout, champion: null } };
    expect(told({ service: promoted, evidence: back }).title).toBe("Version 3 became champion 4 min ago");
  });

  it("says after a rollback who serves, and that nobody has to act", () =>
    expect(told(scenes.takenOut(NOW)).detail).toBe(
      "Version 2 serves all requests. Nothing needs to be done now.",
    ));

  it("lets an old rollback rest", () =>
    expect(told(scenes.takenOut(NOW), NOW + 2 * 86_400_000)).toMatchObject({
      tone: "calm",
      title: "Version 2 serves all requests",
    }));

  it("puts what the controller is stuck at first", () => {
    const { service, evidence } = scenes.undecided(NOW);
    const stuck = { service: { ...service, problem: "git can't be reached" }, evidence };
    expect(told(stuck)).toMatchObject({
      tone: "attention",
      detail: expect.stringMatching(/^Git can.t be reached\. /),
    });
  });

  it("doesn't take an older rollout's evidence for this one's", () => {
    const { service, evidence } = scenes.takenOut(NOW);
    const next = { id: "ro-9", version: 4, state: "checking", reason: null, sentence: null };
    expect(told({ service: { ...service, rollout: next }, evidence }).title).toContain(
      "Version 4 is being checked",
    );
  });
});

it("a first champion had no trial to show", () => {
  const { evidence } = scenes.undecided(NOW);
  expect(hasTrial(evidence)).toBe(true);
  expect(hasTrial(evidence && { ...evidence, history: [] })).toBe(false);
  expect(hasTrial(null)).toBe(false);
});

describe("buttons", () => {
  const deeds = ({ service, evidence }: Scene) =>
    Object.fromEntries(actionsOf(service, evidence).map(({ do: deed, allowed }) => [deed, allowed]));

  it("say what is allowed, and why not", () => {
    const { service, evidence } = scenes.undecided(NOW);
    expect(deeds({ service, evidence })).toEqual({
      rollback: true,
      hold: true,
      resume: false,
      approve: false,
      promote: true,
    });
    for (const { allowed, why } of actionsOf(service, evidence)) expect(allowed || why !== "").toBe(true);
  });

  it("offer the way back without a rollout only where there is one", () => {
    const { service } = scenes.steady(NOW);
    expect(deeds({ service, evidence: null })["rollback"]).toBe(false);
    const former = { ...service, previousChampion: 1 };
    expect(deeds({ service: former, evidence: null })["rollback"]).toBe(true);
    expect(consequence("rollback", former, null).join(" ")).toContain("goes back to version 1");
    expect(deedTitle("rollback", former, null)).toBe("Go back to version 1");
  });

  it("warn before a promotion that the test hasn't decided, and ask why", () => {
    const { service, evidence } = scenes.undecided(NOW);
    expect(consequence("promote", service, evidence).join(" ")).toContain("hasn't decided");
    expect(needsReason("promote", evidence)).toBe(true);
    expect(needsReason("rollback", evidence)).toBe(false);
  });
});
