import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "./run.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-init-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A machine where nobody told Git who they are. */
function nobody(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
}

function git(dir: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd: dir, env: nobody(), encoding: "utf8" }).trim();
}

test("init makes a project that is valid and committed on main, and says how to go on", async () => {
  const { code, out } = await run(["init", "My_Model 2"], { cwd: folder, env: nobody() });
  expect(code).toBe(0);
  expect(out).toContain("cd 'My_Model 2'");
  expect(out).toContain(
    "git remote add slipway http://127.0.0.1:4600/git/my-model-2.git\n  git push slipway main\n",
  );
  const project = join(folder, "My_Model 2");
  expect(git(project, "status", "--porcelain")).toBe("");
  expect(git(project, "log", "--format=%s %D")).toBe("Start from the digits template HEAD -> main");
  expect(readFileSync(join(project, "slipway.yaml"), "utf8")).toContain("name: my-model-2");
  expect(git(project, "log", "--format=%an <%ae>")).toBe("slipway init <slipway@localhost>");
  expect(git(project, "grep", "-c", "my-model-2", "slipway.yaml")).not.toBe("");
  expect((await run(["validate", project])).code).toBe(0);
});

test("init --json says what was made", async () => {
  const { out } = await run(["init", "a", "--template", "minimal", "--name", "churn", "--json"], {
    cwd: folder,
    env: { ...nobody(), SLIPWAY_URL: "http://ml:1/" },
  });
  expect(JSON.parse(out)).toMatchObject({
    name: "churn",
    template: "minimal",
    files: expect.arrayContaining(["slipway.yaml"]),
    commit: git(join(folder, "a"), "rev-parse", "HEAD"),
    next: ["cd a", "git remote add slipway http://ml:1/git/churn.git", "git push slipway main"],
  });
});

test("an unknown template names the nearest and all, and makes nothing", async () => {
  const { code, err } = await run(["init", "a", "--template", "digit"], { cwd: folder });
  expect(code).toBe(5);
  expect(err).toContain("allowed: digits, minimal");
  expect(err).toContain("Did you mean --template digits? (TEMPLATE_UNKNOWN)");
  expect(readdirSync(folder)).toEqual([]);
});

test("a folder with files in it is left as it is; one with only .git is taken", async () => {
  writeFileSync(join(folder, "notes.txt"), "mine");
  const refused = await run(["init", ".", "--name", "x"], { cwd: folder, env: nobody() });
  expect(refused.code).toBe(4);
  expect(refused.err).toContain("given:   notes.txt");
  expect(readdirSync(folder)).toEqual(["notes.txt"]);

  const cloned = join(folder, "cloned");
  mkdirSync(cloned);
  git(cloned, "init", "--quiet", "--initial-branch=trunk");
  expect((await run(["init", "cloned"], { cwd: folder, env: nobody() })).code).toBe(0);
  expect(git(cloned, "branch", "--show-current")).toBe("trunk");
});

test.each(["environment", "Churn", "a.b"])("the name %s is refused", async (name) => {
  const { code, err } = await run(["init", "a", "--name", name], { cwd: folder });
  expect(code).toBe(2);
  expect(err).toContain("isn't a project's name");
});

test("without git a clear error", async () => {
  const { code, err } = await run(["init", "a"], { cwd: folder, env: { PATH: folder } });
  expect(code).not.toBe(0);
  expect(err).toContain("(GIT_MISSING)");
});
