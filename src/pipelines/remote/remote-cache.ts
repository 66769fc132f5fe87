import { rm } from "node:fs/promises";
import { join } from "node:path";
import { unpackTar, type UnpackLimits } from "../../base/tar/unpack.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { CacheEntry, LastKept, StepCache } from "../step-cache.ts";
import { sameOutputs } from "../step-outputs.ts";
import { packInto } from "./archive-file.ts";
import type { StepClient } from "./client.ts";

/** The platform's step cache, for one step in a pod. `temporary` is a folder for archives. */
export function remoteCache(
  client: StepClient,
  { temporary, limits }: { temporary: string; limits: UnpackLimits },
): StepCache {
  return {
    async find(key) {
      const kept = (await client.kept(key)) as { entry: CacheEntry } | undefined;
      return kept?.entry;
    },

    async restore(key, entry, declared, workDir) {
      const clear = async (): Promise<void> => {
        for (const path of declared) await rm(join(workDir, path), { recursive: true, force: true });
      };
      await clear();
      try {
        await unpackTar(await client.keptArchive(key), workDir, limits);
        if (await sameOutputs(workDir, declared, entry.outputs)) return true;
      } catch {
        // Its pipeline run has been tidied away, or it isn't whole: as good as not there.
      }
      await clear();
      await client.forget(key);
      return false;
    },

    async store(key, entry, declared, workDir) {
      const file = join(temporary, `kept-${key}.tar`);
      try {
        const archive = await packInto(file, workDir, declared);
        await client.sendArchive(archive.sha256, file);
        await client.keep(key, { entry, archive });
        return undefined;
      } catch (error) {
        if (error instanceof SlipwayError && error.code === "TOO_LARGE")
          return `its outputs have ${entry.size} bytes, more than the platform takes`;
        throw error;
      } finally {
        await rm(file, { force: true });
      }
    },

    last: async () => (await client.lastKept()) as LastKept | undefined,
    setLast: (_project, _step, last) => client.setLastKept(last),
  };
}
