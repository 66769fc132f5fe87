import { describe, expect, it } from "vitest";
import { evaluateGates } from "../../src/pipelines/gates.ts";

const messages = (...args: Parameters<typeof evaluateGates>): string[] =>
  evaluateGates(...args).failures.map((failure) => failure.message);

describe("gates", () => {
  it("compare with fixed numbers, bounds included", () => {
    const gates = [
      { metric: "accuracy", min: 0.9 },
      { metric: "loss", max: 0.2 },
    ];
    expect(messages(gates, { accuracy: 0.9, loss: 0.2 }, undefined)).toEqual([]);
    expect(messages(gates, { accuracy: 0.8999, loss: 0.3 }, undefined)).toEqual([
      "accuracy is 0.8999, the gate asks for at least 0.9",
      "loss is 0.3, the gate asks for at most 0.2",
    ]);
  });

  it("fail on NaN", () => {
    expect(messages([{ metric: "a", min: 0 }], { a: Number.NaN }, undefined)).toHaveLength(1);
    expect(messages([{ metric: "a", max: 0 }], { a: Number.NaN }, undefined)).toHaveLength(1);
    expect(messages([{ metric: "a", atLeastChampionMinus: 9 }], { a: Number.NaN }, undefined)).toHaveLength(
      1,
    );
  });

  it("compare with the champion, in spite of binary fractions", () => {
    const gates = [{ metric: "accuracy", atLeastChampionMinus: 0.005 }];
    const champion = { version: 3, metrics: { accuracy: 0.9 } };
    expect(messages(gates, { accuracy: 0.895 }, champion)).toEqual([]);
    expect(messages(gates, { accuracy: 0.89 }, champion)).toEqual([
      "accuracy is 0.89, champion version 3 has 0.9, so at least 0.895 is asked for",
    ]);
  });

  it("let the first version through, and a metric that the champion never logged, and say so", () => {
    const gates = [{ metric: "accuracy", atLeastChampionMinus: 0 }];
    expect(evaluateGates(gates, { accuracy: 0.1 }, undefined).passed).toEqual([
      "accuracy is 0.1, no champion to compare with yet",
    ]);
    expect(evaluateGates(gates, { accuracy: 0.1 }, { version: 1, metrics: {} }).passed[0]).toContain(
      "never logged it",
    );
  });

  it("name what was logged when a metric wasn't, and the nearest", () => {
    const gates = [{ metric: "acuracy", min: 0.9 }];
    expect(messages(gates, { accuracy: 0.95, loss: 1 }, undefined)).toEqual([
      "acuracy was never logged; logged: accuracy, loss; did you mean accuracy?",
    ]);
    expect(messages([{ metric: "accuracy", min: 0.9 }], { val_accuracy: 1 }, undefined)[0]).toContain(
      "did you mean val_accuracy?",
    );
    expect(messages(gates, {}, undefined)[0]).toContain("no metric at all");
  });
});
