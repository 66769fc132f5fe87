import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT, run } from "./run.ts";

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
  expect(out).toContain(`another terminal, where its data may lie:\n  ${join(ROOT, "bin", "slipway")} up\n`);
  expect(out).toContain("  git push slipway main\n");
  const project = join(folder, "My_Model 2");
  expect(git(project, "remote", "get-url", "slipway")).toBe("http://127.0.0.1:4600/git/my-model-2.git");
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
    next: ["cd a", "git push slipway main"],
  });
  expect(git(join(folder, "a"), "remote", "get-url", "slipway")).toBe("http://ml:1/git/churn.git");
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

test("a repository's own branch and remote stay, and the printed push names the branch", async () => {
  git(folder, "init", "--quiet", "--initial-branch=trunk");
  git(folder, "remote", "add", "slipway", "http://mine/x.git");
  const { out } = await run(["init", ".", "--name", "x"], { cwd: folder, env: nobody() });
  expect(out).toContain("  git push slipway trunk\n");
  expect(git(folder, "remote", "get-url", "slipway")).toBe("http://mine/x.git");
});

test("the printed command starts a platform at the very address that is pushed to", async () => {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(join(ROOT, "bin", "slipway"), join(bin, "slipway"));
  const env = { ...nobody(), PATH: `${bin}:${process.env.PATH ?? ""}` };
  const here = await run(["init", "a", "--url", "http://localhost:4711/"], { cwd: folder, env });
  expect(here.out).toContain("\n  slipway up --port 4711\n");
  expect(git(join(folder, "a"), "remote", "get-url", "slipway")).toBe("http://localhost:4711/git/a.git");
  const away = await run(["init", "b", "--url", "https://ml.example.org"], { cwd: folder, env });
  expect(away.out).not.toContain("slipway up");
  const wrong = await run(["init", "c", "--url", "ml.example.org"], { cwd: folder, env });
  expect(wrong.code).toBe(2);
  expect(readdirSync(folder)).not.toContain("c");
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
