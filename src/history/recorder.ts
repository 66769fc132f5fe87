import type { Clock } from "../base/clock.ts";
import type { Registry } from "../registry/registry.ts";
import type { Database } from "../store/database.ts";
import { recordEarlier, recordOfRuns, recordServed } from "./record-commands.ts";

/** Versions that one command records. */
const BATCH = 20;

/** Remembers where versions that serve came from, before anything of that can go. */
export interface Recorder {
  /** The registry, whose aliases show what serves: a version gets one once it is remembered. */
  watch(registry: Registry): Registry;
  /** Tracking runs are about to be deleted for good. */
  beforeRunsGo(workspace: string, runIds: readonly string[]): Promise<void>;
  /** What served before this was written, or was pushed past the aliases. */
  catchUp(): Promise<void>;
}

export function createRecorder({ db, clock }: { db: Database; clock: Clock }): Recorder {
  const catchUp = async (): Promise<void> => {
    for (let left = BATCH; left === BATCH;)
      left = await db.write(recordEarlier, { limit: BATCH, now: clock.now() });
  };
  return {
    watch: (registry) => ({
      ...registry,
      async projectAlias(model, alias, version) {
        if (version !== null) await db.write(recordServed, { model, version, now: clock.now() });
        await registry.projectAlias(model, alias, version);
      },
    }),
    async beforeRunsGo(workspace, runIds) {
      await catchUp();
      await db.write(recordOfRuns, { workspace, runIds: [...runIds], now: clock.now() });
    },
    catchUp,
  };
}
