import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseServiceFile, renderServiceFile, serviceOfPath } from "../../src/git/service-file.ts";

const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,30}$/);
const version = fc.integer({ min: 1, max: 1_000_000 });

describe("service file", () => {
  it("gives back every state that was written", () => {
    fc.assert(
      fc.property(
        name,
        version,
        fc.option(version, { nil: undefined }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.option(fc.double({ min: 1, max: 100, noNaN: true }), { nil: undefined }),
        (name, champion, challenger, weight, shadow) => {
          fc.pre(challenger !== champion);
          const traffic =
            shadow === undefined ? { weight: Object.is(weight, -0) ? 0 : weight } : { weight: 0, shadow };
          const state =
            challenger === undefined
              ? { name, champion, weight: 0 }
              : { name, champion, challenger, ...traffic };
          const path = `services/${name}.yaml`;
          expect(parseServiceFile(renderServiceFile(state), path)).toEqual({ ok: true, value: state });
        },
      ),
    );
  });

  it("never throws, and names a place for every problem", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.constantFrom("a: &a [*a]", "- 1", "")), (text) => {
        const parsed = parseServiceFile(text, "services/a.yaml");
        if (parsed.ok) throw new Error("nothing of this is a service file");
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const problem of parsed.problems) {
          expect(problem.line).toBeGreaterThan(0);
          expect(problem.column).toBeGreaterThan(0);
        }
      }),
    );
  });

  it("says all at once", () => {
    const text = [
      "apiVersion: slipway/v2",
      "kind: Service",
      "name: churn",
      "champion: 3",
      "challenger:",
      "  version: one",
      "wieght: 3",
    ].join("\n");
    const parsed = parseServiceFile(text, "services/churn.yaml");
    if (parsed.ok) throw new Error("it is wrong");
    expect(parsed.problems.map(({ line, column, rule }) => `${line}:${column} ${rule}`).sort()).toEqual([
      "1:1 wrong-value",
      "1:13 wrong-value",
      "4:11 wrong-type",
      "6:12 wrong-type",
      "7:1 unknown-key",
    ]);
  });

  it("says when champion and challenger are one", () => {
    const text = renderServiceFile({ name: "a", champion: 2, challenger: 2, weight: 1 });
    expect(parseServiceFile(text, "services/a.yaml")).toMatchObject({
      ok: false,
      problems: [{ rule: "same-version" }],
    });
  });

  it.each([
    ["0", "weight: 0", "wrong-value"],
    ["101", "weight: 0", "wrong-value"],
    ["ten", "weight: 0", "wrong-value"],
    ["10", "weight: 5", "shadow-and-weight"],
  ])("refuses shadow: %s with %s", (shadow, weight, rule) => {
    const state = { name: "a", champion: 1, challenger: 2, weight: 0 };
    const text = `${renderServiceFile(state).replace("weight: 0", weight)}shadow: ${shadow}\n`;
    expect(parseServiceFile(text, "services/a.yaml")).toMatchObject({ ok: false, problems: [{ rule }] });
  });

  it("refuses copies for nobody", () => {
    const text = `${renderServiceFile({ name: "a", champion: 1, weight: 0 })}shadow: 10\n`;
    expect(parseServiceFile(text, "services/a.yaml")).toMatchObject({
      ok: false,
      problems: [{ rule: "no-challenger", line: 11 }],
    });
  });

  it.each([
    ["services/churn.yaml", "churn"],
    ["services/a.b-c_1.yaml", "a.b-c_1"],
    ["services/.hidden.yaml", undefined],
    ["services/a/b.yaml", undefined],
    ["services/a.yml", undefined],
    ["churn.yaml", undefined],
  ])("reads the path %s", (path, service) => {
    expect(serviceOfPath(path)).toBe(service);
  });
});
