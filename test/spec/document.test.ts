import { expect, test } from "vitest";
import { readDocument } from "../../src/spec/document.ts";

function rules(text: string): string[] {
  const read = readDocument(text, "f");
  return read.ok ? [] : read.problems.map(({ line, column, rule }) => `${line}:${column} ${rule}`);
}

test.each([
  ["a: 1\nb:\n  c: 1\n  c: 2\nb: 3\n", ["5:1 duplicate-key", "4:3 duplicate-key"]],
  ["a: 1\n---\nb: 2\n", ["2:1 one-document"]],
  ["a: !js x\n", ["1:4 tag"]],
  ["a: !!binary aGk=\n", ["1:4 tag"]],
  ["%YAML 1.1\n---\na: 1\n", ["1:1 directive"]],
  ["%TAG ! tag:x,2000:\n---\na: 1\n", ["1:1 directive"]],
  ["a: [1\n", ["2:1 syntax"]],
  ["a: *missing\n", ["1:1 alias"]],
])("%j is refused", (text, expected) => {
  expect(rules(text)).toEqual(expected);
});

test("anchors work, merge keys are keys like any other", () => {
  const read = readDocument("a: &x { p: 1 }\nb: *x\nc: { <<: *x }\n", "f");
  expect(read.ok && read.document.data).toEqual({ a: { p: 1 }, b: { p: 1 }, c: { "<<": { p: 1 } } });
});

test("a place is known through aliases, and for a path that doesn't exist", () => {
  const read = readDocument("a: &x\n  p:\n    - q: 1\nb: *x\n", "f");
  if (!read.ok) throw new Error("refused");
  const { position } = read.document;
  expect(position(["b", "p", 0, "q"], "value")).toEqual({ line: 3, column: 10 });
  expect(position(["b", "p", 0, "q"], "key")).toEqual({ line: 3, column: 7 });
  expect(position(["a", "p", 0, "none"], "key")).toEqual({ line: 3, column: 7 });
  expect(position([], "value")).toEqual({ line: 1, column: 1 });
});

// Each of these ends or stalls the process when the text goes to the YAML library as it is.
test.each([
  ["nested lists", "[".repeat(250_000), "too-deep"],
  ["nested maps", "{a: ".repeat(60_000), "too-deep"],
  ["nested block lists", "- ".repeat(120_000), "too-deep"],
  ["closing brackets", "]".repeat(250_000), "too-large"],
  ["broken lines", "a\t: b\n]".repeat(30_000), "too-large"],
  ["many keys", Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join("\n"), "too-large"],
  ["a large file", `a: ${"x".repeat(300_000)}`, "too-large"],
  ["many aliases", `a: &a 1\nb: [${"*a,".repeat(500)}]`, "alias"],
  [
    "aliases that multiply",
    [
      "a: &a [x,x,x,x,x,x,x,x]",
      ..."bcdefgh".split("").map((to, index) => {
        const from = "abcdefg".charAt(index);
        return `${to}: &${to} [${Array.from({ length: 8 }, () => `*${from}`).join(",")}]`;
      }),
    ].join("\n"),
    "alias",
  ],
])("%s are refused at little cost", (_, text, rule) => {
  const read = readDocument(text, "f");
  expect(!read.ok && read.problems.map((problem) => problem.rule)).toEqual([rule]);
});
