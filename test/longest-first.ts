import { statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, then folders whose tests start processes: whatever begins last is waited for alone. */
const LONGEST = [
  "/test/e2e/kill-nine.test.ts",
  "/test/targets/",
  "/test/pipelines/environments",
  "/test/e2e/",
  "/test/serving/processes",
  "/test/demo/",
  "/test/console/browser",
  "/test/import/",
  "-client.test.ts",
  "/test/pipelines/",
];

/** Without a cache of durations, as on a fresh clone, vitest would go by the size of the files alone. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: string): number => {
      const found = LONGEST.findIndex((part) => file.includes(part));
      return found === -1 ? LONGEST.length : found;
    };
    const known = files.map((file) => ({
      file,
      rank: rank(file.moduleId),
      bytes: statSync(file.moduleId).size,
    }));
    return known.toSorted((a, b) => a.rank - b.rank || b.bytes - a.bytes).map(({ file }) => file);
  }
}
