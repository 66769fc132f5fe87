import { cp, mkdtemp, readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import type { EnvironmentRepository } from "../../../src/git/environment.ts";
import { openEnvironmentRepository } from "../../../src/git/environment-repository.ts";
import type { MirrorPlace } from "../../../src/git/mirror/deps.ts";
import { moveReference } from "../../../src/git/move-reference.ts";
import { leaveMirror, type GitMirror } from "../../../src/git/mirror/mirror.ts";
import type { Repositories } from "../../../src/git/repositories.ts";
import { SlipwayError } from "../../../src/http/errors.ts";
import { mustGit } from "../client.ts";
import { openTestRepositories, temporaryFolder } from "../helpers.ts";
import { emptyVolume, folderPlace, openMirror, referencesIn } from "./mirrored.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder.remove());

type Fault = "none" | "no pack" | "no manifest" | "manifest and no answer";

/** A place whose store goes away in the way that a test says. */
class FaultyPlace {
  fault: Fault = "none";
  readonly root: string;
  readonly place: MirrorPlace;

  constructor(root: string) {
    this.root = root;
    const { blobs, files } = folderPlace(root);
    const away = (): never => {
      throw new SlipwayError("ARTIFACTS_UNREACHABLE", "the artifact store can't be reached: ECONNREFUSED");
    };
    this.place = {
      blobs: {
        direct: null,
        put: async (...args) => (this.fault === "no pack" ? away() : blobs.put(...args)),
        get: (...args) => blobs.get(...args),
        stat: (path) => blobs.stat(path),
        list: (path) => blobs.list(path),
        walk: (path) => blobs.walk(path),
        delete: (path) => blobs.delete(path),
      },
      files: {
        read: (path) => files.read(path),
        write: async (path, text, tag) => {
          if (this.fault === "no manifest") return away();
          const written = await files.write(path, text, tag);
          return this.fault === "manifest and no answer" ? away() : written;
        },
      },
    };
  }
}

let faulty: FaultyPlace;
let repositories: Repositories;
let mirror: GitMirror;
let environment: EnvironmentRepository;
let logged: string[];

async function open(volume: Repositories): Promise<void> {
  repositories = volume;
  logged = [];
  mirror = await openMirror(faulty.place, volume, {
    log: (error, where) => logged.push(`${where} ${error}`),
  });
  const path = await volume.ensure("environment");
  environment = openEnvironmentRepository({ path, git: volume.git, clock: systemClock, mirror });
}

async function promote(champion: number): Promise<string> {
  const parent = (await environment.head())?.commit ?? null;
  const state = { name: "churn", champion, weight: 0 };
  const change = { parent, service: "churn", state, subject: `to ${champion}`, body: "", trailers: {} };
  const done = await environment.commit(change);
  if (!("commit" in done)) throw new Error("a conflict");
  return done.commit.commit;
}

/** Where a start with an empty volume finds main. */
async function restored(): Promise<string | null> {
  const volume = await emptyVolume(folder.path);
  await openMirror(folderPlace(faulty.root), volume);
  await mustGit(volume.path("environment"), "fsck", "--strict", "--no-dangling");
  return volume.resolve("environment", "refs/heads/main");
}

beforeEach(async () => {
  faulty = new FaultyPlace(await mkdtemp(join(folder.path, "mirror-")));
  await open(await emptyVolume(folder.path));
});

describe("while the mirror's store is away", () => {
  it.each(["no pack", "no manifest", "manifest and no answer"] as const)(
    "refuses, moves nothing, and takes the same again afterwards: %s",
    async (fault) => {
      const before = await promote(1);
      faulty.fault = fault;
      await expect(promote(2)).rejects.toMatchObject({ code: "GIT_MIRROR_AWAY" });
      expect((await environment.head())?.commit).toBe(before);
      await expect(promote(3)).rejects.toMatchObject({ code: "GIT_MIRROR_AWAY" });
      faulty.fault = "none";
      const after = await promote(4);
      expect(await restored()).toBe(after);
    },
  );

  it("takes back what was refused with its end unknown, without waiting for the next update", async () => {
    const before = await promote(1);
    faulty.fault = "manifest and no answer";
    await expect(promote(2)).rejects.toMatchObject({ code: "GIT_MIRROR_AWAY" });
    faulty.fault = "none";
    const stop = new AbortController();
    const running = mirror.run(stop.signal);
    stop.abort();
    await running;
    expect(await restored()).toBe(before);
  });
});

describe("a move that doesn't happen after the mirror has it", () => {
  it("is taken back there", async () => {
    const before = await promote(1);
    const updates = [{ ref: "refs/heads/main", previous: before, commit: "0".repeat(40) }];
    const objects = { repository: repositories.path("environment"), env: {} };
    await (await mirror.begin("environment", updates, objects)).end(false);
    expect(await restored()).toBe(before);
    const wrong = [{ ...updates[0], ref: "refs/heads/main", previous: "1".repeat(40), commit: before }];
    await expect(mirror.begin("environment", wrong, objects)).rejects.toMatchObject({
      code: "GIT_REFERENCE_MOVED",
    });
  });
});

describe("a volume", () => {
  it("that is older than the mirror follows it", async () => {
    await promote(1);
    const older = await mkdtemp(join(folder.path, "older-"));
    await cp(repositories.root, older, { recursive: true });
    const after = await promote(2);
    await open((await openTestRepositories(older)).repositories);
    expect(mirror.opened.restored).toEqual(["environment"]);
    expect((await environment.head())?.commit).toBe(after);
    expect(await promote(3)).toBe(await restored());
  });

  it("that went on without the mirror brings it up to date", async () => {
    await promote(1);
    await leaveMirror(repositories.root);
    const alone = { path: repositories.path("environment"), git: repositories.git, clock: systemClock };
    environment = openEnvironmentRepository(alone);
    const after = await promote(2);
    await open(repositories);
    expect(mirror.opened.sent).toEqual(["environment"]);
    expect(await restored()).toBe(after);
  });

  it("that went on elsewhere than the mirror holds the start", async () => {
    await promote(1);
    const other = await mkdtemp(join(folder.path, "other-"));
    await cp(repositories.root, other, { recursive: true });
    await promote(2);
    await leaveMirror(other);
    const { repositories: volume } = await openTestRepositories(other);
    environment = openEnvironmentRepository({
      path: volume.path("environment"),
      git: volume.git,
      clock: systemClock,
    });
    await promote(3);
    await expect(open(volume)).rejects.toMatchObject({
      code: "GIT_MIRROR_DIVERGED",
      facts: { where: "environment.git" },
    });
  });

  it("of another platform leaves the mirror alone", async () => {
    const volume = await emptyVolume(folder.path);
    await expect(openMirror(faulty.place, volume, { platform: "two" })).rejects.toMatchObject({
      code: "GIT_MIRROR_FOREIGN",
    });
  });
});

describe("a damaged mirror", () => {
  it("is named, and keeps a start from believing it", async () => {
    await promote(1);
    const packs = join(faulty.root, "repositories", "environment", "packs");
    await truncate(join(packs, (await readdir(packs))[0] ?? ""), 40);
    await expect(restored()).rejects.toMatchObject({
      code: "GIT_MIRROR_DAMAGED",
      facts: { where: expect.stringContaining("repositories/environment/packs/") },
    });
  });
});

describe("a damaged mirror of one project", () => {
  it("keeps no other repository from coming back, and takes nothing for that project", async () => {
    const after = await promote(1);
    const { git } = repositories;
    const path = await repositories.ensure("churn");
    const tree = await git.text(["hash-object", "-t", "tree", "-w", "--stdin"], {
      repository: path,
      input: "",
    });
    const commit = await git.text(["commit-tree", tree, "-m", "first"], { repository: path });
    const move = { name: "churn", path, ref: "refs/heads/main", commit, previous: null };
    await moveReference({ git, mirror }, move);
    const packs = join(faulty.root, "repositories", "churn", "packs");
    await truncate(join(packs, (await readdir(packs))[0] ?? ""), 40);
    await open(await emptyVolume(folder.path));
    expect(mirror.opened).toMatchObject({ restored: ["environment"], damaged: ["churn"] });
    expect((await environment.head())?.commit).toBe(after);
    const again = moveReference(
      { git: repositories.git, mirror },
      { ...move, path: repositories.path("churn") },
    );
    await expect(again).rejects.toMatchObject({ code: "GIT_MIRROR_DAMAGED" });
    expect(logged).toHaveLength(1);
  });
});

describe("an update that takes long", () => {
  it("tells the pusher how far it is", async () => {
    const before = await promote(1);
    const { blobs } = faulty.place;
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const slow = {
      ...blobs,
      put: async (...args: Parameters<typeof blobs.put>) => held.then(() => blobs.put(...args)),
    };
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms === 2_000 ? 5 : ms, signal),
    };
    const { git, path } = repositories;
    mirror = await openMirror({ ...faulty.place, blobs: slow }, repositories, { clock });
    const objects = { repository: path("environment"), env: {} };
    const commit = await git.text(["commit-tree", `${before}^{tree}`, "-m", "long"], objects);
    const said = mirror.stage("environment", [{ ref: "refs/heads/main", previous: before, commit }], objects);
    expect((await said.next()).value).toMatch(/^slipway: to the mirror: \d+\.\d MiB so far$/);
    goOn();
    while (!(await said.next()).done);
  });
});

describe("many updates", () => {
  it("are put together, with what no branch leads to any more, and what nothing names goes", async () => {
    const { git, path } = repositories;
    const repository = path("environment");
    const first = await promote(1);
    const pushed = await git.text(["commit-tree", `${first}^{tree}`, "-p", first, "-m", "aside"], {
      repository,
    });
    const move = { name: "environment", path: repository, ref: "refs/heads/aside" };
    await moveReference({ git, mirror }, { ...move, commit: pushed, previous: null });
    await moveReference({ git, mirror }, { ...move, commit: first, previous: pushed });
    for (let champion = 2; champion <= 25; champion++) await promote(champion);
    const stop = new AbortController();
    stop.abort();
    await mirror.run(stop.signal);
    const packs = await readdir(join(faulty.root, "repositories", "environment", "packs"));
    expect(packs.length).toBeLessThanOrEqual(3);
    const volume = await emptyVolume(folder.path);
    await openMirror(folderPlace(faulty.root), volume);
    expect(await referencesIn(volume, "environment")).toBe(await referencesIn(repositories, "environment"));
    await mustGit(volume.path("environment"), "cat-file", "-e", pushed);
    expect(await referencesIn(repositories, "environment")).toContain("refs/heads/main");
    expect(logged).toEqual([]);
  });
});
