import { expect, test } from "vitest";
import { formatProblems } from "../../src/spec/format.ts";
import { parseProject } from "../../src/spec/parse.ts";
import { LEAST } from "./valid.ts";

function format(text: string): string {
  const result = parseProject(text, "slipway.yaml");
  return result.ok ? "" : formatProblems(result.problems, text);
}

test("a problem shows its place, its line, a caret, what was given and what is allowed", () => {
  expect(format(`${LEAST}model: { name: m }\nserving:\n  timout: 2s\n  scale: { min: -1 }\n`)).toBe(
    `slipway.yaml:6:3: serving has no key "timout"; did you mean "timeout"? (unknown-key)
  6 |   timout: 2s
    |   ^
  given:   "timout"
  allowed: protocol, scale, timeout, sticky, compile, maxBody, limits, resources, log

slipway.yaml:7:17: serving.scale.min is too small (range)
  7 |   scale: { min: -1 }
    |                 ^
  given:   -1
  allowed: a whole number from 0 to 64

2 problems
`,
  );
});

test("a long line is cut around the caret, which still stands below its place", () => {
  const [, source, caret] = format(`${LEAST}environment: { python: ${"x/".repeat(200)}a, nod: b }\n`).split(
    "\n",
  );
  expect(source?.length).toBeLessThan(120);
  expect(source?.slice(caret?.indexOf("^"))).toMatch(/^nod/);
});

test("nothing in a file can move the reader's cursor", () => {
  const text = `${LEAST}"\\e[2J\u009b31m\u202e": "\u0007"\n`;
  const shown = format(text);
  // oxlint-disable-next-line no-control-regex
  expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(shown).toContain(String.raw`\u202e`);
});
