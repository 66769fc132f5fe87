import { spawn } from "node:child_process";
import { mkdtemp, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustGit } from "../client.ts";
import { bundleFixture, openTestRepositories, PATH, temporaryFolder } from "../helpers.ts";
import { emptyVolume, folderPlace, openMirror, referencesIn } from "./mirrored.ts";

/** Enough that several hit each of: a pack being sent, a manifest being written, a reference being moved. */
const KILLS = 5;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** Runs the committer until it has acknowledged so many commits, then a moment longer, then kills it. */
function commitAndKill(args: readonly string[], commits: number, later: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args, PATH], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.split("\n").length <= commits) return;
      // With its group: the Git process that is at work just now dies too.
      setTimeout(() => {
        try {
          process.kill(-(child.pid ?? 0), "SIGKILL");
        } catch {
          // Already gone.
        }
      }, later);
    });
    child.on("error", reject);
    child.on("close", () => resolve(output.split("\n").slice(0, -1)));
  });
}

describe("the mirror under kill -9", () => {
  it("has every acknowledged commit, names no missing pack, and agrees with the volume after a start", async () => {
    const program = await bundleFixture("mirrored-committer", folder.path);
    const root = await mkdtemp(join(folder.path, "volume-"));
    const mirrored = join(folder.path, "mirror");
    const acknowledged: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      acknowledged.push(...(await commitAndKill([program, root, mirrored], 1, kill * 7)));
      await utimes(join(root, "environment.git", "refs", "heads", "main.lock"), 0, 0).catch(() => {});
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS);

    const lost = await emptyVolume(folder.path);
    await openMirror(folderPlace(mirrored), lost);
    const commits = await mustGit(lost.path("environment"), "rev-list", "refs/heads/main");
    expect(commits.split("\n")).toEqual(expect.arrayContaining(acknowledged));
    await mustGit(lost.path("environment"), "fsck", "--strict", "--no-dangling");

    const { repositories } = await openTestRepositories(root);
    const mirror = await openMirror(folderPlace(mirrored), repositories);
    expect(await referencesIn(repositories, "environment")).toBe(await referencesIn(lost, "environment"));
    await mustGit(repositories.path("environment"), "fsck", "--strict", "--no-dangling");

    // What the killed ones left half sent goes away.
    const stop = new AbortController();
    const running = mirror.run(stop.signal);
    stop.abort();
    await running;
    const packs = await readdir(join(mirrored, "repositories", "environment", "packs"));
    const commitCount = commits.split("\n").length;
    expect(packs.length).toBeLessThanOrEqual(commitCount);
  });
});
