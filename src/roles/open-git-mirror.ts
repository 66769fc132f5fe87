import { mkdir, readFile } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { MirrorPlace } from "../git/mirror/deps.ts";
import { claimIdentity, readIdentity } from "../git/mirror/identity.ts";
import { leaveMirror, openGitMirror, type GitMirror } from "../git/mirror/mirror.ts";
import type { Repositories } from "../git/repositories.ts";
import { createFolderBlobs } from "../store/folder-blobs.ts";
import { createFolderConditionalFiles } from "../store/folder-conditional-files.ts";
import { credentialsOf } from "../store/s3/credentials.ts";
import type { ControlSecrets } from "./artifact-settings.ts";
import type { GitMirrorSettings } from "./git-mirror-settings.ts";

export interface OpenMirrorPlace extends MirrorPlace {
  close(): void;
}

/** The place of the mirror; undefined where there is none. Nothing is asked of it yet. */
export async function openMirrorPlace(
  settings: GitMirrorSettings | undefined,
  secrets: ControlSecrets,
  clock: Clock,
): Promise<OpenMirrorPlace | undefined> {
  if (settings === undefined) return undefined;
  if ("folder" in settings) {
    await mkdir(settings.folder, { recursive: true });
    const { folder } = settings;
    const files = createFolderConditionalFiles(folder);
    return { blobs: createFolderBlobs(folder), files, close: () => undefined };
  }
  if (secrets.s3 === undefined) return undefined;
  const { caFile } = settings;
  const { createS3Blobs } = await import("../store/s3-blobs.ts");
  const store = createS3Blobs({
    config: settings.s3,
    credentials: credentialsOf(secrets.s3, clock),
    clock,
    isDirect: false,
    ...(caFile === undefined ? {} : { ca: await readFile(caFile, "utf8") }),
  });
  return { blobs: store, files: store.conditional, close: () => store.close() };
}

/** The id of the platform whose mirror it is; undefined for a new one, and where there is none. */
export async function mirroredPlatform(place: MirrorPlace | undefined): Promise<string | undefined> {
  return place && (await readIdentity(place.files))?.platform;
}

/**
 * Brings the repositories and their mirror together and takes the lead there: in the term that is given, or in one after
 * the last. Undefined without a mirror.
 */
export async function openMirror(
  place: MirrorPlace | undefined,
  deps: {
    repositories: Repositories;
    platform: string;
    epoch: (() => number) | undefined;
    clock: Clock;
    ids: Ids;
    logDefect: (error: unknown, where?: string) => void;
  },
): Promise<GitMirror | undefined> {
  const { repositories, clock, ids, platform, logDefect } = deps;
  if (place === undefined) {
    await leaveMirror(repositories.root);
    return undefined;
  }
  const began = clock.now();
  const identity = await claimIdentity(place.files, { ids, platform, epoch: deps.epoch?.() });
  const epoch = deps.epoch ?? (() => identity.epoch);
  const mirror = await openGitMirror({ ...place, repositories, clock, ids, epoch, log: logDefect }, identity);
  const { restored, sent } = mirror.opened;
  if (restored.length + sent.length > 0) {
    const told = `${restored.length} repositories restored from the mirror, ${sent.length} sent to it`;
    logDefect(undefined, `${told}, in ${clock.now() - began} ms`);
  }
  return mirror;
}
