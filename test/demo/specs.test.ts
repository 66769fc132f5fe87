import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseProject } from "../../src/spec/parse.ts";

const root = new URL("../..", import.meta.url).pathname;
/** Platforms lie in a folder of their own, and are rendered by tests of theirs. */
const files = ["templates", "examples"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name !== "platforms")
    .map((name) => join(folder, name, "slipway.yaml")),
);

test.each(files)("%s is a valid project", (file) => {
  const text = readFileSync(join(root, file), "utf8").replaceAll("__NAME__", "digits");
  const result = parseProject(text, file);
  expect(result.ok ? [] : result.problems).toEqual([]);
});
