import { randomBytes } from "node:crypto";
import { stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { gatewayLimits } from "../../src/rollout/gateway-limits.ts";
import { commitFiles, git, mustGit, startGit, workingCopy } from "./client.ts";
import { MEBIBYTE } from "./helpers.ts";
import { openGitPlatform, type GitPlatform } from "./platform.ts";

const spec = (name: string, more = ""): string =>
  `apiVersion: slipway/v1\nkind: Project\nname: ${name}\npipeline:\n  steps:\n    - { name: train, run: echo trained }\n${more}`;

/** What no compression makes smaller. */
const randomFile = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

let platform: GitPlatform;
let story: GitPlatform["story"];
let count = 0;

beforeAll(async () => {
  platform = await openGitPlatform();
  story = { ...platform.story };
});
afterAll(() => platform.close());
beforeEach(() => {
  Object.assign(platform.story, story);
  platform.defects.length = 0;
});

/** A new project's name, address and working copy. */
async function project(files: (name: string) => Record<string, string | Uint8Array>, branch = "main") {
  const name = `p${++count}`;
  const folder = await workingCopy(join(platform.folder, "work", name), files(name), branch);
  const url = `${platform.url}/${name}.git`;
  await mustGit(folder, "remote", "add", "origin", url);
  return { name, folder, url };
}

const pushesOf = (name: string) => platform.started.filter((push) => push.project === name);

describe("a push to a project", () => {
  it("says what its rollout will come to before it is taken, and is taken when that fails", async () => {
    const line = "rollout: at 2 requests/s a 0.5 pp margin of errors can't be proven in 2 h: it will hold";
    platform.story.advise = async (spec) => [`${line} (${spec.rollout.metrics[0]?.worseBy})`];
    const { name, folder } = await project((name) => ({
      "slipway.yaml": spec(name, "model: { name: m }\n"),
    }));
    const said = await git(folder, "push", "origin", "main");
    expect(said.code).toBe(0);
    expect(said.output).toContain(`remote: slipway: ${line} (0.005)`);
    expect(said.output.indexOf(line)).toBeLessThan(said.output.indexOf("starts pipeline run"));
    platform.story.advise = () => Promise.reject(new Error("no"));
    await commitFiles(folder, { "a.txt": "a" }, "second");
    const again = await git(folder, "push", "origin", "main");
    expect(again.code).toBe(0);
    expect(pushesOf(name)).toHaveLength(2);
  });

  it("is refused where the platform can't do what it asks for, at its line", async () => {
    platform.story.limits = gatewayLimits;
    const rollout = "rollout:\n  fallback: true\n  shadow: { share: 5 }\n";
    const { folder } = await project((name) => ({
      "slipway.yaml": spec(name, `model: { name: gated }\n${rollout}`),
    }));
    const said = await git(folder, "push", "origin", "main");
    expect(said.code).not.toBe(0);
    expect(said.output).toContain("the champion answers what the challenger fails");
    expect(said.output).toContain("the challenger gets copies of requests");
    expect(said.output).toContain("routing is router");
    expect(said.output).toContain("slipway.yaml:9:13");
  });

  it("makes the repository, starts the pipeline run and streams what it says", async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    platform.story.followPush = async function* () {
      yield "train: epoch 1";
      await gate;
      yield "train: epoch 2";
    };
    const { name, folder, url } = await project((name) => ({ "slipway.yaml": spec(name) }));
    const pushing = startGit(["push", "origin", "main"], folder);
    // The gate is still shut, so this line can only have come while the push was open.
    await pushing.saw(/remote: train: epoch 1/);
    open();
    const { code, output } = await pushing.ended;
    expect(output).toMatch(/remote: train: epoch 2/);
    expect(code).toBe(0);
    const head = await mustGit(folder, "rev-parse", "HEAD");
    expect(pushesOf(name)).toEqual([
      expect.objectContaining({
        ref: "refs/heads/main",
        commit: head,
        pusher: "ada",
        previous: "0".repeat(40),
      }),
    ]);
    expect(output).toContain(`starts pipeline run pr-${pushesOf(name)[0]?.id}`);
    const copy = join(platform.folder, "work", `${name}-clone`);
    await mustGit(platform.folder, "clone", "--quiet", url, copy);
    expect(await mustGit(copy, "rev-parse", "HEAD")).toBe(head);
    const bare = platform.repositories.path(name);
    expect(await mustGit(bare, "config", "core.fsync")).toBe("all");
    expect(platform.defects).toEqual([]);
  });

  it("goes on without its pusher", async () => {
    const seen: string[] = [];
    let watched: AbortSignal | undefined;
    const stopped = new Promise<void>((resolve) => {
      platform.story.followPush = async function* (id, signal) {
        watched = signal;
        seen.push(id);
        yield "train: epoch 1";
        await new Promise<void>((wake) => signal.addEventListener("abort", () => wake(), { once: true }));
        resolve();
      };
    });
    const { name, folder, url } = await project((name) => ({ "slipway.yaml": spec(name) }));
    const pushing = startGit(["push", "origin", "main"], folder);
    await pushing.saw(/epoch 1/);
    pushing.interrupt();
    await pushing.ended;
    await stopped;
    expect(watched?.aborted).toBe(true);
    expect(seen).toHaveLength(1);
    const head = await mustGit(folder, "rev-parse", "HEAD");
    expect(await mustGit(folder, "ls-remote", url, "refs/heads/main")).toContain(head);
    expect(pushesOf(name)).toHaveLength(1);
  });

  it("lets go of what it follows when its pusher leaves in the middle of a stream", async () => {
    const letGo = new Promise<void>((resolve) => {
      platform.story.followPush = async function* (_id, signal) {
        try {
          for (let line = 1; ; line++) {
            yield `line ${line}`;
            // Only the consumer's return ends this loop; the signal just makes it a fast one.
            await new Promise<void>((wake) => setTimeout(wake, signal.aborted ? 0 : 5));
          }
        } finally {
          resolve();
        }
      };
    });
    const { folder } = await project((name) => ({ "slipway.yaml": spec(name) }));
    const pushing = startGit(["push", "origin", "main"], folder);
    await pushing.saw(/line 2/);
    pushing.interrupt();
    await pushing.ended;
    // Its push is over for the hook as well: Git's processes end, and with them the place they take.
    await letGo;
  });

  it("takes large pushes: chunked, and over the limit of JSON bodies", async () => {
    const { folder, url, name } = await project((name) => ({
      "slipway.yaml": spec(name),
      "a.bin": randomFile(1.5 * MEBIBYTE),
      "b.bin": randomFile(1.5 * MEBIBYTE),
    }));
    const pushed = await git(folder, "push", "origin", "main");
    expect(pushed).toMatchObject({ code: 0 });
    const small = await project((name) => ({
      "slipway.yaml": spec(name),
      "a.bin": randomFile(1.5 * MEBIBYTE),
    }));
    // A post buffer larger than the pack makes Git send a length instead of chunks.
    expect(await git(small.folder, "-c", "http.postBuffer=8388608", "push", "origin", "main")).toMatchObject({
      code: 0,
    });
    const copy = join(platform.folder, "work", `${name}-clone`);
    await mustGit(platform.folder, "clone", "--quiet", url, copy);
    expect((await stat(join(copy, "b.bin"))).size).toBe(1.5 * MEBIBYTE);
  });

  it.each(["0", "2"])("fetches what came later, by protocol %s", async (version) => {
    const { folder, url, name } = await project((name) => ({ "slipway.yaml": spec(name) }));
    await mustGit(folder, "push", "--quiet", "origin", "main");
    const copy = join(platform.folder, "work", `${name}-clone`);
    await mustGit(platform.folder, "clone", "--quiet", url, copy);
    const head = await commitFiles(folder, { "more.txt": "x" }, "more");
    await mustGit(folder, "push", "--quiet", "origin", "main");
    await mustGit(copy, "-c", `protocol.version=${version}`, "pull", "--quiet");
    expect(await mustGit(copy, "rev-parse", "HEAD")).toBe(head);
  });

  it("takes a compressed request", async () => {
    const { folder, url } = await project((name) => ({ "slipway.yaml": spec(name) }));
    await mustGit(folder, "push", "--quiet", "origin", "main");
    const answer = await fetch(`${url}/git-upload-pack`, {
      method: "POST",
      headers: {
        "content-type": "application/x-git-upload-pack-request",
        "content-encoding": "gzip",
        "git-protocol": "version=2",
      },
      body: new Uint8Array(gzipSync("0014command=ls-refs\n0000")),
    });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(`${await mustGit(folder, "rev-parse", "HEAD")} refs/heads/main`);
  });

  it("refuses a wrong spec with file, line and column, and stores nothing", async () => {
    const { folder, name, url } = await project((name) => ({
      "slipway.yaml": spec(name, "modle:\n  name: churn\n"),
    }));
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(code).not.toBe(0);
    expect(output).toMatch(/remote: slipway\.yaml:7:1: .*modle/);
    expect(output).toMatch(/model/);
    expect(output).toContain("pre-receive hook declined");
    expect(await mustGit(folder, "ls-remote", url)).toBe("");
    expect(pushesOf(name)).toEqual([]);
    expect(platform.defects).toEqual([]);
  });

  it.each([
    ["without a spec", () => ({ "train.py": "" }), /there is no slipway\.yaml/],
    [
      "with a spec in TypeScript only",
      () => ({ "slipway.ts": "" }),
      /slipway\.ts is never evaluated.*slipway validate/,
    ],
    ["with another's name", () => ({ "slipway.yaml": spec("other") }), /slipway\.yaml:3:7: .*repository/],
    [
      "that names a file which isn't there",
      (name: string) => ({ "slipway.yaml": spec(name, "environment:\n  python: requirements.txt\n") }),
      /slipway\.yaml:8:11: .*isn't in commit/,
    ],
    [
      "with a file over the limit",
      (name: string) => ({ "slipway.yaml": spec(name), "data/big.bin": new Uint8Array(3 * MEBIBYTE) }),
      /data\/big\.bin\s+3 MiB/,
    ],
  ])("refuses one %s", async (_what, files, message) => {
    const { folder, url } = await project(files);
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(code).not.toBe(0);
    expect(output).toMatch(message);
    expect(await mustGit(folder, "ls-remote", url)).toBe("");
  });

  it("finds a large file that a later commit of the push removed", async () => {
    const { folder } = await project((name) => ({
      "slipway.yaml": spec(name),
      "big.bin": new Uint8Array(3 * MEBIBYTE),
    }));
    await mustGit(folder, "rm", "--quiet", "big.bin");
    await mustGit(folder, "commit", "--quiet", "-m", "gone");
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(code).not.toBe(0);
    expect(output).toMatch(/big\.bin\s+3 MiB/);
  });

  it("refuses a spec that is a link", async () => {
    const { folder } = await project(() => ({ "a.txt": "" }));
    await symlink("/etc/passwd", join(folder, "slipway.yaml"));
    await commitFiles(folder, {}, "link");
    const { output } = await git(folder, "push", "origin", "main");
    expect(output).toMatch(/slipway\.yaml:1:1: is no file/);
  });

  it("stores other branches and tags without a pipeline run", async () => {
    const { folder, name, url } = await project((name) => ({ "slipway.yaml": spec(name) }));
    await mustGit(folder, "push", "--quiet", "origin", "main");
    await mustGit(folder, "checkout", "--quiet", "-b", "idea");
    await commitFiles(folder, { "slipway.yaml": "not: a spec\n" }, "idea");
    await mustGit(folder, "tag", "v1");
    const output = await mustGit(folder, "push", "origin", "idea", "v1");
    expect(output).toMatch(/idea is stored; only main runs/);
    expect(pushesOf(name)).toHaveLength(1);
    expect(await mustGit(folder, "ls-remote", url)).toMatch(/refs\/tags\/v1/);
  });

  it("runs the first pushed branch where there is no main", async () => {
    const { folder, name } = await project((name) => ({ "slipway.yaml": spec(name) }), "trunk");
    await mustGit(folder, "push", "--quiet", "origin", "trunk");
    expect(pushesOf(name)).toEqual([expect.objectContaining({ ref: "refs/heads/trunk" })]);
    expect(await platform.repositories.defaultBranch(name)).toBe("refs/heads/trunk");
    const { code, output } = await git(folder, "push", "origin", ":trunk");
    expect(code).not.toBe(0);
    expect(output).toMatch(/can't be deleted/);
  });

  it("lets one of two pushes of different commits at once win, and keeps both projects' pushes", async () => {
    const { folder, name, url } = await project((name) => ({ "slipway.yaml": spec(name) }));
    await mustGit(folder, "push", "--quiet", "origin", "main");
    const other = join(platform.folder, "work", `${name}-other`);
    await mustGit(platform.folder, "clone", "--quiet", url, other);
    await commitFiles(folder, { "one.txt": "1" }, "one");
    await commitFiles(other, { "two.txt": "2" }, "two");
    const elsewhere = await project((name) => ({ "slipway.yaml": spec(name) }));
    const [one, two, three] = await Promise.all([
      git(folder, "push", "origin", "main"),
      git(other, "push", "origin", "main"),
      git(elsewhere.folder, "push", "origin", "main"),
    ]);
    expect([one.code === 0, two.code === 0].sort()).toEqual([false, true]);
    expect(three.code).toBe(0);
    expect(pushesOf(name)).toHaveLength(2);
  });

  it("tells it in the API", async () => {
    const { folder, name } = await project((name) => ({ "slipway.yaml": spec(name) }));
    const head = await mustGit(folder, "rev-parse", "HEAD");
    await mustGit(folder, "push", "--quiet", "origin", "main");
    const one = await platform.app.inject(`/api/slipway/v1/projects/${name}`);
    expect(one.json()).toEqual({
      name,
      defaultBranch: "main",
      head: { commit: head, author: "Ada", at: expect.any(Number), message: "first" },
      lastPush: { commit: head, pusher: "ada", at: expect.any(Number) },
      lastPipelineRun: { id: `pr-${pushesOf(name)[0]?.id}`, state: "running" },
    });
    const all = await platform.app.inject("/api/slipway/v1/projects?limit=1");
    expect(all.json()).toMatchObject({ projects: [{}], next: expect.any(String) });
    expect((await platform.app.inject("/api/slipway/v1/projects/environment")).statusCode).toBe(404);
  });
});
