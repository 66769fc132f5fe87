import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT, run } from "./run.ts";

const FIXTURES = join(ROOT, "test", "cli", "fixtures");
const RIGHT = "apiVersion: slipway/v1\nkind: Project\nname: churn\nmodel: { name: m }\n";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-validate-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a right file, found in the folder", async () => {
  writeFileSync(join(folder, "slipway.yaml"), RIGHT);
  expect(await run(["validate"], { cwd: folder })).toEqual({
    code: 0,
    out: "slipway.yaml is valid: project churn, 0 steps, model m\n",
    err: "",
  });
});

test("--json gives the project or the problems", async () => {
  writeFileSync(join(folder, "slipway.yaml"), RIGHT);
  const right = await run(["validate", folder, "--json"]);
  expect(JSON.parse(right.out)).toMatchObject({
    ok: true,
    project: { name: "churn", serving: { timeout: 2000 } },
  });
  const wrong = await run(["validate", join(FIXTURES, "wrong.yaml"), "--json"]);
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.out)).toMatchObject({
    ok: false,
    problems: [{ line: 5, column: 1, rule: "unknown-key" }],
  });
});

test("no file, and no secret stack trace", async () => {
  const { code, err } = await run(["validate", "none.yaml"], { cwd: folder });
  expect(code).toBe(1);
  expect(err).toContain("none.yaml doesn't exist");
  expect(err).toContain("(SPEC_UNREADABLE)");
});

test("a TypeScript file gives YAML, with what it imports", async () => {
  writeFileSync(
    join(folder, "steps.ts"),
    "export const STEPS = ['features', 'train'].map((name: string) => ({ name, run: `python ${name}.py` }));",
  );
  writeFileSync(
    join(folder, "slipway.ts"),
    `import { defineProject } from "slipway";
import { STEPS } from "./steps.ts";
export default defineProject({ apiVersion: "slipway/v1", kind: "Project", name: "churn", pipeline: { steps: STEPS } });
`,
  );
  const { code, out } = await run(["validate", "slipway.ts", "--write"], { cwd: folder });
  expect(out).toBe("slipway.ts (as YAML) is valid: project churn, 2 steps, no model\nwrote slipway.yaml\n");
  expect(code).toBe(0);
  expect(readFileSync(join(folder, "slipway.yaml"), "utf8")).toContain(
    "- name: train\n      run: python train.py\n",
  );
  expect((await run(["validate"], { cwd: folder })).code).toBe(0);
});

test("a wrong TypeScript file writes nothing", async () => {
  writeFileSync(
    join(folder, "a.ts"),
    "export default { apiVersion: 'slipway/v1', kind: 'Project', name: 'A' };",
  );
  expect((await run(["validate", "a.ts", "--write"], { cwd: folder })).code).toBe(1);
  writeFileSync(join(folder, "b.ts"), "throw new Error('no luck');");
  const { code, err } = await run(["validate", "b.ts", "--write"], { cwd: folder });
  expect(code).toBe(1);
  expect(err).toContain("b.ts can't be turned into YAML: no luck");
  expect(err).toContain("(SPEC_NOT_EVALUATED)");
  expect(readdirSync(folder)).toEqual(["a.ts", "b.ts"]);
});
