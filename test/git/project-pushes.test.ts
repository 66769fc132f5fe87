import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { gitMigrations, recordPush, type ProjectPush } from "../../src/git/commands.ts";
import { createProjectPushes, type ProjectPushes } from "../../src/git/project-pushes.ts";
import type { Repositories } from "../../src/git/repositories.ts";
import type { Database } from "../../src/store/database.ts";
import { commitFiles, mustGit, workingCopy } from "./client.ts";
import { openTestRepositories, temporaryFolder } from "./helpers.ts";
import { memoryDatabase } from "./memory-database.ts";

const ZERO = "0".repeat(40);
const [A, B, C] = ["a", "b", "c"].map((letter) => letter.repeat(40)) as [string, string, string];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let repositories: Repositories;
let database: Database;
let pushes: ProjectPushes;
let started: string[];
let failing: boolean;

beforeEach(async () => {
  folder = await temporaryFolder();
  ({ repositories } = await openTestRepositories(join(folder.path, "git")));
  database = memoryDatabase(gitMigrations);
  started = [];
  failing = false;
  pushes = createProjectPushes({
    database,
    repositories,
    clock: systemClock,
    ids: systemIds(Date.now),
    logDefect: () => {},
    onProjectPush: async (push: ProjectPush) => {
      if (failing) throw new Error("killed here");
      if (!started.includes(push.id)) started.push(push.id);
      return `pr-${push.id}`;
    },
  });
});
afterEach(async () => {
  await database.close();
  await folder.remove();
});

const move = (previous: string, commit: string, project = "churn") =>
  pushes.accept({ project, ref: "refs/heads/main", previous, commit, pusher: "ada" });

/** A project whose branch moved without anybody hearing of it. */
async function silentPush(name: string, files: Record<string, string>): Promise<string> {
  const bare = await repositories.ensure(name);
  const copy = join(folder.path, "work", name);
  const commit = await workingCopy(copy, files)
    .then(() => mustGit(copy, "rev-parse", "HEAD"))
    .catch(() => commitFiles(copy, files, "next"));
  await mustGit(
    copy,
    "-c",
    "core.hooksPath=/dev/null",
    "push",
    "--quiet",
    "--no-verify",
    "--receive-pack",
    "git -c core.hooksPath=/dev/null receive-pack",
    bare,
    "HEAD:main",
  );
  return commit;
}

describe("pushes to projects", () => {
  it("start one pipeline run each, however often they are told", async () => {
    const first = await move(ZERO, A);
    expect(await move(ZERO, A)).toEqual(first);
    const second = await move(A, B);
    expect(second.id).not.toBe(first.id);
    expect(started).toHaveLength(2);
  });

  it("count a return to an older commit as a push of its own", async () => {
    const first = await move(ZERO, A);
    await move(A, B);
    const back = await move(B, A);
    expect(back.id).not.toBe(first.id);
    expect(await move(B, A)).toEqual(back);
    expect(started).toHaveLength(3);
  });

  it("may be told in another order than they happened", async () => {
    await move(ZERO, A);
    const third = await move(B, C);
    await move(A, B);
    expect(await move(B, C)).toEqual(third);
    expect(started).toHaveLength(3);
  });

  it("are found at the start when nobody told them, once", async () => {
    const commit = await silentPush("churn", { "a.txt": "1" });
    await repositories.ensure("empty");
    expect(await pushes.reconcile()).toBe(1);
    expect(await pushes.reconcile()).toBe(0);
    expect(await pushes.last("churn")).toMatchObject({ commit, previous: ZERO, pusher: "unknown" });
    // The hook of the very same push, told late.
    await move(ZERO, commit);
    expect(started).toHaveLength(1);
    const next = await silentPush("churn", { "a.txt": "2" });
    expect(await pushes.reconcile()).toBe(1);
    expect(await pushes.last("churn")).toMatchObject({ commit: next, previous: commit });
  });

  it("are started later when the process died between record and start", async () => {
    failing = true;
    await expect(move(ZERO, A)).rejects.toThrow("killed here");
    expect(await pushes.reconcile()).toBe(0);
    failing = false;
    expect(await pushes.reconcile()).toBe(1);
    expect(await pushes.reconcile()).toBe(0);
    expect((await pushes.last("churn"))?.pipelineRunId).toBe(`pr-${started[0]}`);
  });

  it("stay when one repository is damaged", async () => {
    await silentPush("churn", { "a.txt": "1" });
    const broken = await repositories.ensure("broken");
    await mustGit(broken, "update-ref", "--no-deref", "HEAD", "refs/heads/main").catch(() => {});
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(broken, "HEAD"), "nonsense");
    expect(await pushes.reconcile()).toBe(1);
  });

  it("are recorded once when two tell of the same at once", async () => {
    const push = {
      project: "churn",
      ref: "refs/heads/main",
      previous: ZERO,
      commit: A,
      pusher: "ada",
      at: 1,
    };
    const [one, two] = await Promise.all([
      database.write(recordPush, { ...push, id: "push-1" }),
      database.write(recordPush, { ...push, id: "push-2" }),
    ]);
    expect(two).toEqual(one);
  });
});
