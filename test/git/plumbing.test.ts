import { chmod, mkdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { removeStaleLocks, removeStaleQuarantines } from "../../src/git/leftovers.ts";
import { openGit } from "../../src/git/plumbing.ts";
import { Slots } from "../../src/git/slots.ts";
import { openTestRepositories, PATH, temporaryFolder } from "./helpers.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

/** A program that is named git and says this version. */
async function pretend(version: string): Promise<string> {
  const bin = join(folder.path, `bin-${version}`);
  await mkdir(bin);
  await writeFile(join(bin, "git"), `#!/bin/sh\necho git version ${version}\n`);
  await chmod(join(bin, "git"), 0o755);
  return bin;
}

describe("git", () => {
  it("says what to do when it is missing or too old", async () => {
    await expect(openGit({ path: folder.path })).rejects.toMatchObject({ code: "GIT_MISSING" });
    await expect(openGit({ path: await pretend("2.30.9") })).rejects.toMatchObject({
      code: "GIT_TOO_OLD",
      facts: { given: "git version 2.30.9" },
    });
    expect((await openGit({ path: await pretend("2.31.0") })).version).toEqual([2, 31]);
    expect((await openGit({ path: await pretend("3.0.1") })).version).toEqual([3, 0]);
  });

  it("fails with the last line of what Git said", async () => {
    const git = await openGit({ path: PATH });
    await expect(git.run(["cat-file", "-p", "HEAD"], { repository: folder.path })).rejects.toMatchObject({
      code: "GIT_FAILED",
      message: expect.stringContaining("not a git repository"),
    });
  });

  it("bounds what is read and how long it takes", async () => {
    const git = await openGit({ path: PATH });
    await expect(git.run(["help", "-a"], { maxBytes: 10 })).rejects.toThrow("more than 10 bytes");
    const { repositories } = await openTestRepositories(join(folder.path, "bounds"));
    const repository = await repositories.ensure("a");
    const waits = git.run(["-c", "alias.wait=!sleep 20", "wait"], { repository, timeoutMs: 50 });
    await expect(waits).rejects.toThrow(/took longer than 50 ms/);
  });

  it("knows nothing of the machine's settings", async () => {
    const git = await openGit({ path: PATH });
    const listed = await git.text(["config", "--list", "--show-scope"]);
    expect(listed.split("\n").filter((line) => !line.startsWith("command"))).toEqual([]);
    expect(listed).toContain("core.fsync=all");
  });
});

describe("repositories", () => {
  it("are made once by many at once", async () => {
    const { repositories } = await openTestRepositories(join(folder.path, "many"));
    const paths = await Promise.all([1, 2, 3].map(() => repositories.ensure("churn")));
    expect(new Set(paths).size).toBe(1);
    expect(await repositories.projects()).toEqual(["churn"]);
  });

  it.each(["", "..", "a/b", "Churn", "-a", "a-", "1a", "a.b", "a".repeat(64), "hooks/../x"])(
    "refuses the name %j",
    async (name) => {
      const { repositories } = await openTestRepositories(join(folder.path, "names"));
      await expect(repositories.ensure(name)).rejects.toMatchObject({ code: "GIT_NAME_INVALID" });
    },
  );

  it("lose what killed processes left, and nothing younger", async () => {
    const { repositories } = await openTestRepositories(join(folder.path, "left"));
    const path = await repositories.ensure("churn");
    await mkdir(join(path, "objects", "tmp_objdir-incoming-x"));
    await writeFile(join(path, "HEAD.lock"), "");
    await writeFile(join(path, "refs", "heads", "main.lock"), "");
    await utimes(join(path, "refs", "heads", "main.lock"), 0, 0);
    await mkdir(join(folder.path, "left", ".new-half"));
    await repositories.clean();
    await expect(stat(join(path, "refs", "heads", "main.lock"))).rejects.toThrow();
    await expect(stat(join(folder.path, "left", ".new-half"))).rejects.toThrow();
    await stat(join(path, "HEAD.lock"));
    const later: Clock = { ...systemClock, now: () => Date.now() + 25 * 3600_000 };
    expect(await removeStaleLocks(path, later)).toEqual([join(path, "HEAD.lock")]);
    expect(await removeStaleQuarantines(path, later)).toHaveLength(1);
  });
});

describe("slots", () => {
  const never: Clock = { ...systemClock, sleep: (_ms, signal) => waitFor(signal) };
  const signal = new AbortController().signal;

  it("go from one to the next, first come first served", async () => {
    const slots = new Slots({ clock: never, slots: 1, queue: 2, waitMs: 1 });
    const first = await slots.take(signal);
    const order: number[] = [];
    const second = slots.take(signal).then((release) => {
      order.push(2);
      return release;
    });
    const third = slots.take(signal).then((release) => {
      order.push(3);
      return release;
    });
    await expect(slots.take(signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    first();
    first();
    (await second)();
    (await third)();
    expect(order).toEqual([2, 3]);
    (await slots.take(signal))();
  });

  it("aren't waited for longer than told, nor by those who left", async () => {
    const slots = new Slots({ clock: systemClock, slots: 1, queue: 2, waitMs: 5 });
    const held = await slots.take(signal);
    await expect(slots.take(signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const leaving = new AbortController();
    const left = slots.take(leaving.signal);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: "UNAVAILABLE" });
    held();
    (await slots.take(signal))();
  });
});

function waitFor(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
}
