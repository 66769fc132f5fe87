import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commitPlatform } from "../../../../src/targets/kubernetes/commit/commit.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { configMap, namespace, renderedOf } from "../platform-fixture.ts";

let folder = "";
let env: Record<string, string | undefined> = {};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-commit-"));
  env = { PATH: process.env["PATH"], HOME: folder, GIT_CONFIG_NOSYSTEM: "1" };
});
afterAll(() => rmSync(folder, { recursive: true }));

const git = (...args: string[]) => String(execFileSync("git", args, { cwd: folder, env, stdio: "pipe" }));

function bare(name: string): string {
  const repository = join(folder, name);
  git("init", "--quiet", "--bare", "--initial-branch", "main", repository);
  return repository;
}

function renderedFor(repository: string, value: string): Rendered {
  const rendered = renderedOf([namespace("slipway"), configMap("a", { a: value })]);
  const components = { argoCd: { repository, branch: "main", path: "clusters/one" } };
  return { ...rendered, environment: "staging", platform: { ...rendered.platform, components } };
}

test("begins an empty repository, and writes nothing when nothing changed", async () => {
  const repository = bare("empty.git");
  const first = await commitPlatform(renderedFor(repository, "1"), { env, message: "Begin" });
  expect(first.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(git("--git-dir", repository, "log", "-1", "--format=%B", "main")).toContain(
    "Begin\n\nSlipway-Platform: test\nSlipway-Environment: staging",
  );
  const again = await commitPlatform(renderedFor(repository, "1"), { env, message: "Again" });
  expect(again.commit).toBeUndefined();
});

test("writes on top of what others pushed, and leaves their files", async () => {
  const repository = bare("shared.git");
  await commitPlatform(renderedFor(repository, "1"), { env, message: "Begin" });
  const clone = join(folder, "clone");
  git("clone", "--quiet", repository, clone);
  git(
    "-C",
    clone,
    "-c",
    "user.name=a",
    "-c",
    "user.email=a@b",
    "commit",
    "--quiet",
    "--allow-empty",
    "-m",
    "Theirs",
  );
  git("-C", clone, "push", "--quiet", "origin", "main");
  await commitPlatform(renderedFor(repository, "2"), { env, message: "Ours" });
  expect(git("--git-dir", repository, "log", "--format=%s", "main").trim().split("\n")).toEqual([
    "Ours",
    "Theirs",
    "Begin",
  ]);
  git("-C", clone, "pull", "--quiet");
  expect(existsSync(join(clone, "clusters", "one"))).toBe(true);
});

test("a repository that isn't there is said in git's words", async () => {
  const rendered = renderedFor(join(folder, "nowhere.git"), "1");
  await expect(commitPlatform(rendered, { env, message: "m" })).rejects.toMatchObject({
    code: "ENVIRONMENT_NOT_WRITTEN",
    facts: { given: expect.stringContaining("nowhere.git") as string },
  });
});

test("a platform without a GitOps engine has no such repository", async () => {
  const rendered = renderedOf([namespace("slipway")]);
  await expect(commitPlatform(rendered, { env, message: "m" })).rejects.toMatchObject({
    code: "ENVIRONMENT_NOT_WRITTEN",
  });
});
