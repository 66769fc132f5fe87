import { spawn } from "node:child_process";
import { mkdtemp, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { openEnvironmentRepository } from "../../src/git/environment-repository.ts";
import { mustGit } from "./client.ts";
import { bundleFixture, openTestRepositories, PATH, temporaryFolder } from "./helpers.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

/** Runs the committer until it has acknowledged so many commits, then kills it. Answers all it acknowledged. */
function commitAndKill(program: string, path: string, commits: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, path, PATH], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      // With its group: the Git process that is at work just now dies too.
      if (output.split("\n").length > commits && child.pid !== undefined) {
        try {
          process.kill(-child.pid, "SIGKILL");
        } catch {
          // Already gone.
        }
      }
    });
    child.on("error", reject);
    child.on("close", () => resolve(output.split("\n").slice(0, -1)));
  });
}

describe("the environment repository under kill -9", () => {
  it("keeps every acknowledged commit, stays valid and takes the next one", async () => {
    const program = await bundleFixture("committer", folder.path);
    const { git, repositories } = await openTestRepositories(await mkdtemp(join(folder.path, "git-")));
    const path = await repositories.ensure("environment");
    const acknowledged: string[] = [];
    for (const commits of [1, 3, 2]) {
      acknowledged.push(...(await commitAndKill(program, path, commits)));
      await ageLocks(path);
    }
    await mustGit(path, "fsck", "--strict", "--no-dangling");
    const repository = openEnvironmentRepository({ path, git, clock: systemClock });
    const head = await repository.head();
    const history = await repository.history({ since: null, until: head?.commit ?? "", limit: 1000 });
    expect(history.map(({ commit }) => commit)).toEqual(expect.arrayContaining(acknowledged));
    expect(history.map(({ order }) => order)).toEqual(history.map((_, index) => index + 1));
    const state = { name: "churn", champion: 99, weight: 0 };
    const change = { service: "churn", state, subject: "on", body: "", trailers: {} };
    expect(await repository.commit({ ...change, parent: head?.commit ?? null })).toHaveProperty("commit");
  });

  it("goes on when a killed process left its lock", async () => {
    const { git, repositories } = await openTestRepositories(await mkdtemp(join(folder.path, "git-")));
    const path = await repositories.ensure("environment");
    await writeFile(join(path, "refs", "heads", "main.lock"), "");
    await ageLocks(path);
    const repository = openEnvironmentRepository({ path, git, clock: systemClock });
    const state = { name: "churn", champion: 1, weight: 0 };
    const change = { parent: null, service: "churn", state, subject: "on", body: "", trailers: {} };
    expect(await repository.commit(change)).toHaveProperty("commit");
  });

  it("has Git flush every object and the branch before it acknowledges", async () => {
    const { repositories, git } = await openTestRepositories(await mkdtemp(join(folder.path, "git-")));
    const path = await repositories.ensure("environment");
    const trace = join(folder.path, "trace.json");
    const traced: typeof git = {
      ...git,
      text: (args, call) => git.text(args, { ...call, env: { ...call?.env, GIT_TRACE2_EVENT: trace } }),
      run: (args, call) => git.run(args, { ...call, env: { ...call?.env, GIT_TRACE2_EVENT: trace } }),
    };
    const repository = openEnvironmentRepository({ path, git: traced, clock: systemClock });
    const state = { name: "churn", champion: 1, weight: 0 };
    await repository.commit({ parent: null, service: "churn", state, subject: "on", body: "", trailers: {} });
    const events = (await readFile(trace, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const flushes = events
      .filter((event) => event.event === "data" && event.category === "fsync")
      .reduce((sum, event) => sum + Number(event.value), 0);
    // One blob, two trees, one commit, one reference.
    expect(flushes).toBeGreaterThanOrEqual(5);
  });
});

/** Locks are taken for left behind only after a while; a test doesn't wait for it. */
async function ageLocks(path: string): Promise<void> {
  for (const lock of ["refs/heads/main.lock", "HEAD.lock", "packed-refs.lock"]) {
    await utimes(join(path, lock), 0, 0).catch(() => {});
  }
}
