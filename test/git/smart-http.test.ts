import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { commitFiles, git, mustGit, startGit, workingCopy } from "./client.ts";
import { MEBIBYTE } from "./helpers.ts";
import { openGitPlatform, type GitPlatform } from "./platform.ts";

const spec = (name: string): string =>
  `apiVersion: slipway/v1\nkind: Project\nname: ${name}\npipeline:\n  steps:\n    - { name: train, run: echo }\n`;

const randomFile = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

let platform: GitPlatform;
let folder: string;
let count = 0;
let name: string;
let url: string;

beforeAll(async () => {
  platform = await openGitPlatform({
    maxPackBytes: MEBIBYTE,
    maxProcesses: 1,
    maxWaiting: 1,
    waitMs: 20_000,
    maxProjects: 20,
  });
});
afterAll(() => platform.close());
beforeEach(async () => {
  name = `q${++count}`;
  url = `${platform.url}/${name}.git`;
  folder = await workingCopy(join(platform.folder, "work", name), { "slipway.yaml": spec(name) });
  await mustGit(folder, "remote", "add", "origin", url);
});

describe("smart HTTP", () => {
  it("knows no repository before its first push", async () => {
    const fetched = await git(folder, "fetch", "origin");
    expect(fetched.code).not.toBe(0);
    expect(fetched.output).toMatch(/there is no repository/);
    expect(fetched.output).toMatch(/The first push makes/);
    expect(await platform.repositories.projects()).not.toContain(name);
  });

  it.each(["Bad.git", "-x.git", "a.b.git", "..%2f..%2fx.git", `${"a".repeat(64)}.git`, "x"])(
    "makes nothing for the name %s",
    async (path) => {
      const before = await readdir(platform.repositories.root);
      const answer = await fetch(`${platform.url}/${path}/info/refs?service=git-receive-pack`);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toMatch(/slipway: /);
      expect(await readdir(platform.repositories.root)).toEqual(before);
    },
  );

  it.each(["config", "hooks/pre-receive", "objects/..%2fconfig", "objects/../config"])(
    "doesn't give out %s",
    async (path) => {
      const answer = await fetch(`${platform.url}/environment.git/${path}`);
      expect(answer.status).toBe(404);
    },
  );

  it("refuses a pack over the limit and keeps nothing of it", async () => {
    await commitFiles(folder, { "big.bin": randomFile(1.5 * MEBIBYTE) }, "big");
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(code).not.toBe(0);
    expect(output).toMatch(/exceeds maximum allowed size/);
    expect(await readdir(join(platform.repositories.path(name), "objects"))).toEqual(["info", "pack"]);
    await mustGit(folder, "reset", "--quiet", "--hard", "HEAD^");
    await mustGit(folder, "push", "--quiet", "origin", "main");
  });

  it("gives its place on while a push only watches", async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    platform.story.followPush = async function* () {
      yield "watching";
      await gate;
    };
    const pushing = startGit(["push", "origin", "main"], folder);
    await pushing.saw(/remote: watching/);
    // There is one place only.
    expect(await mustGit(folder, "ls-remote", url)).toContain("refs/heads/main");
    open();
    expect((await pushing.ended).code).toBe(0);
  });

  it("forgets a push whose body breaks off", async () => {
    await fetch(`${url}/info/refs?service=git-receive-pack`).then((answer) => answer.text());
    const head = await mustGit(folder, "rev-parse", "HEAD");
    const command = `${"0".repeat(40)} ${head} refs/heads/main\0report-status`;
    const line = (command.length + 4).toString(16).padStart(4, "0") + command;
    await new Promise<void>((resolve) => {
      const outgoing = request(`${url}/git-receive-pack`, {
        method: "POST",
        headers: { "content-type": "application/x-git-receive-pack-request" },
      });
      outgoing.on("error", () => resolve());
      outgoing.on("close", () => resolve());
      outgoing.write(`${line}0000PACK`, () => outgoing.destroy());
    });
    // With one place, this is answered only after the broken push has ended.
    expect(await mustGit(folder, "ls-remote", url)).toBe("");
    expect(platform.started.filter((push) => push.project === name)).toEqual([]);
    await mustGit(folder, "push", "--quiet", "origin", "main");
  });

  it("ends Git when the reader of a fetch goes away", async () => {
    await mustGit(folder, "push", "--quiet", "origin", "main");
    await new Promise<void>((resolve) => {
      const outgoing = request(`${url}/git-upload-pack`, {
        method: "POST",
        headers: {
          "content-type": "application/x-git-upload-pack-request",
          "git-protocol": "version=2",
        },
      });
      outgoing.on("error", () => resolve());
      outgoing.on("close", () => resolve());
      // Unfinished, so Git would wait for the rest for ever.
      outgoing.write("0014command=ls-refs\n", () => outgoing.destroy());
    });
    expect(await mustGit(folder, "ls-remote", url)).toContain("refs/heads/main");
  });

  it("refuses a push while the platform's other half is away, and says so", async () => {
    const away = await openGitPlatform();
    try {
      await away.hooks.close();
      const { code, output } = await git(folder, "push", `${away.url}/${name}.git`, "main");
      expect(code).not.toBe(0);
      expect(output).toMatch(/remote: slipway: push refused, because the platform doesn't answer/);
    } finally {
      await away.close();
    }
  });

  it("keeps a push that was accepted when the platform dies, and starts it later", async () => {
    platform.story.onProjectPush = async () => {
      throw new Error("killed here");
    };
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(code).toBe(0);
    expect(output).toMatch(/remote: slipway: stored, but the pipeline run couldn't be started/);
    platform.story.onProjectPush = async (push) => `pr-${push.id}`;
    const before = platform.started.length;
    expect(await platform.projectPushes.reconcile()).toBeGreaterThan(0);
    expect(platform.started.slice(before)).toContainEqual(expect.objectContaining({ project: name }));
    expect(await platform.projectPushes.reconcile()).toBe(0);
  });

  it("refuses more projects than the limit", async () => {
    for (let made = (await platform.repositories.projects()).length; made < 20; made++) {
      await platform.repositories.ensure(`filler-${made}`);
    }
    const { code, output } = await git(folder, "push", `${platform.url}/one-more.git`, "main");
    expect(code).not.toBe(0);
    expect(output).toMatch(/there are 20 projects/);
  });
});
