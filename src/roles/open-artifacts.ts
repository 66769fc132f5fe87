import { mkdir, readFile } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";
import type { BlobStore } from "../store/blobs.ts";
import { createFolderBlobs } from "../store/folder-blobs.ts";
import { credentialsOf } from "../store/s3/credentials.ts";
import type { ArtifactSettings, ControlSecrets } from "./artifact-settings.ts";

/** An upload in parts that hasn't ended by then was given up: the addresses of its parts are no longer good. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;
const CLEAN_EVERY_MS = 60 * 60 * 1000;

interface OpenArtifacts {
  settings: ArtifactSettings;
  secrets: ControlSecrets;
  /** Where artifacts lie when no other store is set. */
  folder: string;
  clock: Clock;
  log: (error: unknown, where: string) => void;
}

/** The store of artifacts: the folder, or what lies behind `--artifacts s3://…`, whose code a laptop never loads. */
export async function openArtifacts(
  deps: OpenArtifacts,
): Promise<{ blobs: BlobStore; run(signal: AbortSignal): Promise<void>; close(): void }> {
  const { settings, secrets, folder, clock, log } = deps;
  if (settings.s3 === undefined || secrets.s3 === undefined) {
    await mkdir(folder, { recursive: true });
    return { blobs: createFolderBlobs(folder), run: async () => undefined, close: () => undefined };
  }
  const { caFile } = settings;
  const { createS3Blobs } = await import("../store/s3-blobs.ts");
  const store = createS3Blobs({
    config: settings.s3,
    credentials: credentialsOf(secrets.s3, clock),
    clock,
    isDirect: settings.isDirect,
    ...(caFile === undefined ? {} : { ca: await readFile(caFile, "utf8") }),
  });
  return {
    blobs: store,
    run: (signal) => clean(store, { clock, log, bucket: settings.s3?.bucket ?? "" }, signal),
    close: () => store.close(),
  };
}

/** Says at once, in the log, when the store can't be used; then gives up what clients left unfinished, every hour. */
async function clean(
  store: { abortUploadsBefore(time: number): Promise<number> },
  { clock, log, bucket }: { clock: Clock; log: OpenArtifacts["log"]; bucket: string },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      const given = await store.abortUploadsBefore(clock.now() - ABANDONED_MS);
      if (given > 0) log(undefined, `gave up ${given} unfinished uploads in ${bucket}`);
    } catch (error) {
      const said =
        error instanceof SlipwayError
          ? `${error.message} (${error.facts.given ?? ""}). ${error.hint}`
          : error;
      log(said, `artifacts in ${bucket}`);
    }
    try {
      await clock.sleep(CLEAN_EVERY_MS, signal);
    } catch {
      return;
    }
  }
}
