import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MirrorPlace } from "../../../src/git/mirror/deps.ts";
import { startS3, type S3Server } from "../../support/s3.ts";
import { commitFiles, git, mustGit, workingCopy } from "../client.ts";
import { temporaryFolder } from "../helpers.ts";
import { openGitPlatform, type GitPlatform } from "../platform.ts";
import { emptyVolume, folderPlace, openMirror, referencesIn, spec } from "./mirrored.ts";

let s3: S3Server;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  s3 = await startS3();
  folder = await temporaryFolder();
});
afterAll(async () => {
  await s3?.close();
  await folder?.remove();
});

const places: Record<string, () => MirrorPlace> = {
  "a folder": () => folderPlace(join(folder.path, "mirror")),
  "an S3-compatible store": () => {
    const blobs = s3.open();
    return { blobs, files: blobs.conditional };
  },
};

describe.each(Object.keys(places))("a mirror in %s", (kind) => {
  let place: MirrorPlace;
  let platform: GitPlatform;
  beforeAll(async () => {
    place = (places[kind] as () => MirrorPlace)();
    platform = await openGitPlatform({}, (repositories) => openMirror(place, repositories));
  });
  afterAll(() => platform?.close());

  it("brings back all that was acknowledged, references exactly as they were", async () => {
    const work = await workingCopy(join(platform.folder, "work", "churn"), {
      "slipway.yaml": spec("churn"),
      "data.bin": new Uint8Array(randomBytes(300_000)),
    });
    await mustGit(work, "remote", "add", "origin", `${platform.url}/churn.git`);
    await mustGit(work, "tag", "-a", "v1", "-m", "one");
    await mustGit(work, "branch", "side");
    await mustGit(work, "push", "origin", "main", "v1", "side");
    await mustGit(work, "commit", "--amend", "-m", "another first");
    await commitFiles(work, { "a.txt": "a" }, "second");
    await mustGit(work, "push", "--force", "origin", "main", ":side");
    let parent: string | null = null;
    for (let champion = 1; champion <= 3; champion++) {
      const state = { name: "churn", champion, weight: 0 };
      const change = { service: "churn", state, subject: `to ${champion}`, body: "", trailers: {} };
      const done = await platform.environment.commit({ ...change, parent });
      if ("commit" in done) parent = done.commit.commit;
    }
    expect(await platform.repositories.resolve("environment", "refs/heads/main")).toBe(parent);

    const volume = await emptyVolume(folder.path);
    const mirror = await openMirror(place, volume);
    expect(mirror.opened.restored.toSorted()).toEqual(["churn", "environment"]);
    for (const name of ["environment", "churn"]) {
      expect(await referencesIn(volume, name)).toBe(await referencesIn(platform.repositories, name));
      await mustGit(volume.path(name), "fsck", "--strict", "--no-dangling");
    }
    expect(platform.defects).toEqual([]);
  });

  it("refuses a push to whoever doesn't lead any more, and says so", async () => {
    const work = await workingCopy(join(platform.folder, "work", "late"), { "slipway.yaml": spec("late") });
    await mustGit(work, "remote", "add", "origin", `${platform.url}/late.git`);
    await mustGit(work, "push", "origin", "main");
    // Git refuses it once the mirror has it: a branch can't be another one's folder.
    expect((await git(work, "push", "origin", "HEAD:refs/heads/main/x")).code).toBe(1);
    const before = await referencesIn(platform.repositories, "late");
    const manifest = await place.files.read("repositories/late/manifest.json");
    expect(Object.keys((JSON.parse(manifest?.text ?? "") as { refs: object }).refs)).toEqual([
      "refs/heads/main",
    ]);
    // Another control opens the mirror, and with it every repository's.
    await openMirror(place, await emptyVolume(folder.path));
    await commitFiles(work, { "a.txt": "a" }, "second");
    const refused = await git(work, "push", "origin", "main");
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("this process may not write the mirror of late");
    expect(refused.output).toContain("Nothing was moved");
    expect(await referencesIn(platform.repositories, "late")).toBe(before);
    const state = { name: "churn", champion: 9, weight: 0 };
    const head = await platform.environment.head();
    const change = { service: "churn", state, subject: "late", body: "", trailers: {} };
    await expect(
      platform.environment.commit({ ...change, parent: head?.commit ?? null }),
    ).rejects.toMatchObject({ code: "GIT_MIRROR_FENCED" });
    expect((await platform.environment.head())?.commit).toBe(head?.commit);
  });
});
