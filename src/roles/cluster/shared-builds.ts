import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { unpackTar, type UnpackLimits } from "../../base/tar/unpack.ts";
import { packInto } from "../../pipelines/remote/archive-file.ts";
import type { StepClient } from "../../pipelines/remote/client.ts";
import type { SharedBuilds } from "../../targets/local/engine/environments/built-once.ts";
import { hashOf } from "../../targets/local/engine/environments/tools.ts";

/** An environment is built by the first pod that needs it; the others get it from the platform, with a build service or without. */
export function sharedBuilds(deps: {
  client: StepClient;
  temporary: string;
  limits: UnpackLimits;
  log: (line: string) => void;
}): SharedBuilds {
  const { client, temporary, limits, log } = deps;
  // Programs in an environment name the folder they were installed in.
  const nameOf = (hash: string, folder: string): string => hashOf(hash, dirname(folder));
  return {
    async fetch(hash, folder) {
      try {
        const archive = await client.environment(nameOf(hash, folder));
        if (archive === undefined) return false;
        await unpackTar(archive, folder, limits);
        log(`environment ${hash.slice(0, 12)} fetched from the platform`);
        return true;
      } catch (error) {
        log(`the environment can't be fetched, and is installed: ${(error as Error).message}`);
        await rm(folder, { recursive: true, force: true });
        return false;
      }
    },
    async leave(hash, folder) {
      const file = join(temporary, `${basename(folder)}.tar`);
      try {
        await packInto(file, folder, ["."]);
        await client.sendEnvironment(nameOf(hash, folder), file);
      } catch (error) {
        log(`the environment can't be left for other steps: ${(error as Error).message}`);
      } finally {
        await rm(file, { force: true });
      }
    },
  };
}
