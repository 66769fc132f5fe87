import type { Clock } from "../base/clock.ts";
import type { Events, SlipwayEvent } from "../base/events.ts";
import { defineCommand, type Database, type Migration } from "./database.ts";

/** Events kept; the oldest go first. */
const KEPT = 100_000;
const PAGE = 500;

export const eventMigrations: readonly Migration[] = [
  {
    id: "events-001",
    statements: [
      {
        sqlite: `CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, level TEXT NOT NULL,
          kind TEXT NOT NULL, message TEXT NOT NULL, subjects TEXT NOT NULL, data TEXT)`,
        postgres: `CREATE TABLE events (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at BIGINT NOT NULL,
          level TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, subjects TEXT NOT NULL, data TEXT)`,
      },
      "CREATE TABLE event_subjects (subject TEXT NOT NULL, event_id BIGINT NOT NULL, PRIMARY KEY (subject, event_id))",
      "CREATE INDEX event_subjects_event ON event_subjects (event_id)",
    ],
  },
];

interface EmitArgs {
  event: Omit<SlipwayEvent, "id">;
  keep: number;
}

const emit = defineCommand("events.emit", async (tx, { event, keep }: EmitArgs): Promise<number> => {
  const row = await tx.get<{ id: number }>(
    "INSERT INTO events (at, level, kind, message, subjects, data) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
    [
      event.at,
      event.level,
      event.kind,
      event.message,
      JSON.stringify(event.subjects),
      event.data === undefined ? null : JSON.stringify(event.data),
    ],
  );
  const id = row?.id ?? 0;
  const subjects = [...new Set(event.subjects)];
  await Promise.all([
    ...subjects.map((subject) =>
      tx.run("INSERT INTO event_subjects (subject, event_id) VALUES (?, ?)", [subject, id]),
    ),
    tx.run("DELETE FROM events WHERE id <= ?", [id - keep]),
    tx.run("DELETE FROM event_subjects WHERE event_id <= ?", [id - keep]),
  ]);
  return id;
});

export const commands = [emit];

interface EventRow {
  id: number;
  at: number;
  level: SlipwayEvent["level"];
  kind: string;
  message: string;
  subjects: string;
  data: string | null;
}

/** Events in the database, followed within this process. `keep` is for tests: the default bounds the tables. */
export function createEvents(db: Database, clock: Clock, keep: number = KEPT): Events {
  const followers = new Map<string, Set<() => void>>();

  async function list(
    subject: string,
    { after = 0, limit = PAGE }: { after?: number; limit?: number } = {},
  ): Promise<SlipwayEvent[]> {
    const rows = await db.read((tx) =>
      tx.all<EventRow>(
        `SELECT e.id, e.at, e.level, e.kind, e.message, e.subjects, e.data
         FROM event_subjects s JOIN events e ON e.id = s.event_id
         WHERE s.subject = ? AND s.event_id > ? ORDER BY s.event_id LIMIT ?`,
        [subject, after, limit],
      ),
    );
    return rows.map(fromRow);
  }

  return {
    async emit(event) {
      await db.write(emit, { event: { ...event, at: clock.now() }, keep });
      for (const subject of event.subjects) {
        for (const wake of followers.get(subject) ?? []) wake();
      }
    },
    list,
    async *follow(subject, { after = 0, signal }) {
      const bell = createBell(signal);
      const set = followers.get(subject) ?? new Set();
      followers.set(subject, set.add(bell.ring));
      try {
        // The bell is armed before each look, so an event between the look and the wait is not missed.
        for (let cursor = after; !signal.aborted;) {
          bell.arm();
          const page = await list(subject, { after: cursor });
          for (const event of page) {
            if (signal.aborted) return;
            cursor = event.id;
            yield event;
          }
          if (page.length === 0) await bell.heard;
        }
      } finally {
        bell.remove();
        set.delete(bell.ring);
        if (set.size === 0) followers.delete(subject);
      }
    },
  };
}

/** A wake-up that is kept when it comes before anyone waits. Aborting the signal rings it too. */
function createBell(signal: AbortSignal) {
  let resolve = (): void => {};
  const bell = {
    heard: Promise.resolve(),
    ring: (): void => resolve(),
    arm(): void {
      bell.heard = new Promise((done) => (resolve = done));
      if (signal.aborted) resolve();
    },
    remove: (): void => signal.removeEventListener("abort", bell.ring),
  };
  signal.addEventListener("abort", bell.ring);
  return bell;
}

function fromRow(row: EventRow): SlipwayEvent {
  const { subjects, data, ...event } = row;
  return {
    ...event,
    subjects: JSON.parse(subjects) as string[],
    ...(data === null ? {} : { data: JSON.parse(data) as Record<string, unknown> }),
  };
}
