import { describe, expect, it } from "vitest";
import { JOBS } from "../../../bench/rollout/jobs/all.ts";
import type { Job, Row } from "../../../bench/rollout/jobs/job.ts";
import { parseOptions } from "../../../bench/rollout/options.ts";
import type { Result } from "../../../bench/rollout/pool.ts";
import { drawing } from "../../../bench/rollout/report/drawing.ts";
import { share, standing } from "../../../bench/rollout/report/figures.ts";
import { markdown } from "../../../bench/rollout/report/markdown.ts";
import { sectionTables } from "../../../bench/rollout/report/tables.ts";

const ROW: Row = { rolledBackAt: null, promotedAt: null, bad: 0, units: 100, looks: 100 };

/** Every job with as many rollouts, of which the first few were rolled back. */
function results(count: number, rolledBack: (job: Job) => number): Result[] {
  return JOBS.map((job) => ({
    job,
    seconds: 1,
    rows: Array.from({ length: count }, (_, i) =>
      i < rolledBack(job)
        ? { ...ROW, rolledBackAt: Number(job.tags.begins ?? 0) + 30, sprtAt: 20, bad: 3 }
        : { ...ROW, promotedAt: job.section === "promotion" ? 60 : null },
    ),
  }));
}

const honest = (count: number) =>
  results(count, ({ section }) => (section === "validity" || section === "promotion" ? 0 : count));

describe("the report", () => {
  it("has a table of every section, with the figures of its rows", () => {
    const tables = sectionTables(honest(400));
    expect(tables).toHaveLength(7);
    const page = markdown(tables, { machine: "a machine", seed: 3, seconds: 90 });
    expect(page).toContain("| errors 1 → 5 % | 100 | 100 % | 30 s | 30 s | 3 | 20 s | 20 s | 1.50 |");
    expect(page).toContain("| errors 1 → 5 % after 30 min | 100 | 100 % | 30 s | 30 s | 3 |  |  | 1.00 |");
    expect(page).toContain("seed 3");
    expect(tables.every(({ isKept }) => isKept !== false)).toBe(true);
  });

  it("says that a declared rate wasn't kept, and that a wrong test wasn't caught", () => {
    const tables = sectionTables(
      results(300, ({ section, name }) => (name === "validity/equal" ? 60 : section === "broken" ? 0 : 1)),
    );
    const [validity, broken] = tables;
    expect(validity).toMatchObject({ isKept: false });
    expect(validity!.rows.find(([title]) => title?.startsWith("equal variants"))?.at(-1)).toBe("OVER");
    expect(broken).toMatchObject({ isKept: false });
  });

  it("leaves open what too few rollouts can't say", () => {
    const few = Array.from({ length: 100 }, () => ROW);
    expect(
      standing(
        share(few, () => false),
        0.01,
      ),
    ).toBe("open");
    const many = Array.from({ length: 4000 }, () => ROW);
    expect(
      standing(
        share(many, () => false),
        0.01,
      ),
    ).toBe("under");
  });

  it("draws every row, with nothing but numbers in its geometry", () => {
    const svg = drawing(honest(50));
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    const validity = JOBS.filter(({ section }) => section === "validity").length;
    expect(svg.match(/<circle class="own"/g)!.length).toBeGreaterThan(validity);
    expect(svg).toContain("prefers-color-scheme: dark");
  });
});

it("names every job once", () => {
  expect(new Set(JOBS.map(({ name }) => name)).size).toBe(JOBS.length);
  const validity = JOBS.filter(({ section }) => section === "validity");
  expect(validity.every(({ rollouts }) => rollouts.full >= 4000)).toBe(true);
});

it("reads its arguments, and refuses what it doesn't know", () => {
  expect(parseOptions(["--quick", "--only", "speed", "--only", "peers", "--seed", "7"])).toMatchObject({
    quick: true,
    only: ["speed", "peers"],
    seed: 7,
    rollouts: undefined,
  });
  expect(() => parseOptions(["--rollouts", "none"])).toThrow("--rollouts takes a whole number");
  expect(() => parseOptions(["--fast"])).toThrow();
});
