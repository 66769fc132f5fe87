import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { renderServiceFile } from "../../src/git/service-file.ts";
import type { ServiceState } from "../../src/git/environment.ts";
import { commitFiles, git, mustGit } from "./client.ts";
import { openGitPlatform, type GitPlatform } from "./platform.ts";

let platform: GitPlatform;
let folder: string;
let listened = 0;
let count = 0;

beforeAll(async () => {
  platform = await openGitPlatform();
  platform.story.versionExists = async (model, version) => model === "churn" && version <= 5;
  platform.environment.onPush(() => listened++);
  await write(null, { name: "churn", champion: 1, weight: 0 });
});
afterAll(() => platform.close());
beforeEach(async () => {
  folder = join(platform.folder, "work", `copy-${++count}`);
  await mustGit(platform.folder, "clone", "--quiet", `${platform.url}/environment.git`, folder);
  listened = 0;
});

/** A commit by the platform itself. */
async function write(parent: string | null, state: ServiceState): Promise<string> {
  const answer = await platform.environment.commit({
    parent,
    service: state.name,
    state,
    subject: `${state.name}: version ${state.champion} is champion`,
    body: "",
    trailers: { "Slipway-Intent": `in-${state.champion}` },
  });
  if (!("commit" in answer)) throw new Error("conflict");
  return answer.commit.commit;
}

const head = async () => (await platform.environment.head())?.commit ?? "";

async function pushFiles(files: Record<string, string>) {
  await commitFiles(folder, files, "by hand");
  return git(folder, "push", "origin", "main");
}

const file = (state: ServiceState): string => renderServiceFile(state);

describe("a push to the environment repository", () => {
  it("changes what runs, and says so", async () => {
    const state = { name: "churn", champion: 1, challenger: 2, weight: 12.5 };
    const { code, output } = await pushFiles({ "services/churn.yaml": file(state), "README.md": "# Ours\n" });
    expect(output).toMatch(/remote: {3}churn: champion 1, challenger 2 at 12\.5 %/);
    expect(code).toBe(0);
    expect(listened).toBe(1);
    expect((await platform.environment.read(await head())).get("churn")).toEqual(state);
    expect((await platform.environment.head())?.author).toBe("Ada");
  });

  it("takes git revert of a promotion", async () => {
    const before = (await platform.environment.read(await head())).get("churn");
    await write(await head(), { name: "churn", champion: 4, weight: 0 });
    await mustGit(folder, "pull", "--quiet");
    await mustGit(folder, "revert", "--no-edit", "HEAD");
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(output).toMatch(/says what runs from now on/);
    expect(code).toBe(0);
    expect(listened).toBe(1);
    expect((await platform.environment.read(await head())).get("churn")).toEqual(before);
  });

  it("keeps a README that people wrote when the platform commits", async () => {
    await write(await head(), { name: "churn", champion: 3, weight: 0 });
    await mustGit(folder, "pull", "--quiet");
    expect(await mustGit(folder, "ls-files")).toBe("README.md\nservices/churn.yaml");
  });

  it("refuses a force push with the way back", async () => {
    const before = await head();
    await mustGit(folder, "commit", "--quiet", "--amend", "-m", "rewritten");
    const { code, output } = await git(folder, "push", "--force", "origin", "main");
    expect(code).not.toBe(0);
    expect(output).toMatch(/a force push is refused/);
    expect(output).toMatch(/git revert/);
    expect(await head()).toBe(before);
  });

  it("refuses to delete main, other branches and tags", async () => {
    const deletion = await git(folder, "push", "origin", ":main");
    expect(deletion.output).toMatch(/can't be deleted/);
    const branch = await git(folder, "push", "origin", "main:idea");
    expect(branch.output).toMatch(/has one branch, main/);
    await mustGit(folder, "tag", "v1");
    const tag = await git(folder, "push", "origin", "v1");
    expect(tag.output).toMatch(/has one branch, main/);
    expect([deletion.code, branch.code, tag.code]).not.toContain(0);
  });

  it.each([
    [
      "a wrong key",
      {
        "services/churn.yaml":
          "apiVersion: slipway/v1\nkind: Service\nname: churn\nchampoin:\n  version: 1\nweight: 0\n",
      },
      /services\/churn\.yaml:4:1: unknown key champoin; did you mean champion\?/,
    ],
    [
      "another name than the file's",
      { "services/churn.yaml": file({ name: "other", champion: 1, weight: 0 }) },
      /services\/churn\.yaml:5:7: name must be churn/,
    ],
    [
      "weight without a challenger",
      { "services/churn.yaml": file({ name: "churn", champion: 1, weight: 5 }) },
      /no challenger/,
    ],
    [
      "a version that doesn't exist",
      { "services/churn.yaml": file({ name: "churn", champion: 9, weight: 0 }) },
      /champion is version 9, which the model churn doesn't have/,
    ],
    ["a file that belongs elsewhere", { "train.py": "" }, /train\.py in commit \w+ has no place/],
    ["a file below services that is none", { "services/a/b.yaml": "" }, /has no place/],
  ])("refuses %s", async (_what, files, message) => {
    const before = await head();
    const { code, output } = await pushFiles(files);
    expect(code).not.toBe(0);
    expect(output).toMatch(message);
    expect(await head()).toBe(before);
    expect(listened).toBe(0);
  });

  it("refuses a wrong state in a commit below the newest", async () => {
    await commitFiles(folder, { "services/churn.yaml": "nonsense" }, "wrong");
    const { code, output } = await pushFiles({
      "services/churn.yaml": file({ name: "churn", champion: 2, weight: 0 }),
    });
    expect(code).not.toBe(0);
    expect(output).toMatch(/services\/churn\.yaml:1:1/);
  });

  it("refuses a forged intent", async () => {
    await mustGit(folder, "commit", "--quiet", "--allow-empty", "-m", "mine\n\nSlipway-Intent: in-1");
    const { output } = await git(folder, "push", "origin", "main");
    expect(output).toMatch(/only the platform may write/);
  });

  it("refuses a push that the platform was faster than", async () => {
    await commitFiles(
      folder,
      { "services/churn.yaml": file({ name: "churn", champion: 2, weight: 0 }) },
      "mine",
    );
    await write(await head(), { name: "churn", champion: 5, weight: 0 });
    const { code } = await git(folder, "push", "origin", "main");
    expect(code).not.toBe(0);
    await mustGit(folder, "fetch", "--quiet");
    await mustGit(folder, "rebase", "--quiet", "-X", "theirs", "origin/main");
    expect(await git(folder, "push", "origin", "main")).toMatchObject({ code: 0 });
    expect((await platform.environment.read(await head())).get("churn")?.champion).toBe(2);
  });

  it("removes a service by removing its file", async () => {
    await mustGit(folder, "rm", "--quiet", "services/churn.yaml");
    await mustGit(folder, "commit", "--quiet", "-m", "gone");
    const { code, output } = await git(folder, "push", "origin", "main");
    expect(output).toMatch(/churn: removed/);
    expect(code).toBe(0);
    expect(platform.defects).toEqual([]);
  });
});
