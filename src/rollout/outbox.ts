import { clearOutbox } from "./commands/requests.ts";
import type { NewEvent } from "./commands/common.ts";
import type { RolloutDeps } from "./deps.ts";
import { createMutex } from "./mutex.ts";

const PAGE = 100;

/** Publishes what the transactions told; after a crash an event may be published twice, never lost. */
export function createOutbox({ db, events }: Pick<RolloutDeps, "db" | "events">): () => Promise<void> {
  const alone = createMutex();
  return () =>
    alone(async () => {
      for (;;) {
        const rows = await db.read((tx) =>
          tx.all<{ seq: number; event: string }>(
            "SELECT seq, event FROM rollout_outbox ORDER BY seq LIMIT ?",
            [PAGE],
          ),
        );
        for (const row of rows) await events.emit(JSON.parse(row.event) as NewEvent);
        const last = rows.at(-1);
        if (last) await db.write(clearOutbox, { upTo: last.seq });
        if (rows.length < PAGE) return;
      }
    });
}
