import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SlipwayEvent } from "../../src/base/events.ts";
import { systemClock } from "../../src/base/clock.ts";
import { createEvents, eventMigrations } from "../../src/store/events.ts";
import type { Database } from "../../src/store/database.ts";
import { openTestDatabase } from "../support/database.ts";
import { temporaryFolder } from "./support.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let db: Database;

beforeEach(async () => {
  folder = await temporaryFolder();
  db = await openTestDatabase({ folder: folder.path, migrations: eventMigrations, clock: systemClock });
});
afterEach(async () => {
  await db.close();
  await folder.dispose();
});

const event = (message: string, ...subjects: string[]) => ({
  level: "info" as const,
  kind: "test.happened",
  message,
  subjects,
});

async function take(source: AsyncIterable<SlipwayEvent>, count: number): Promise<string[]> {
  const messages: string[] = [];
  for await (const { message } of source) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

describe("events", () => {
  it("are listed by each of their subjects, oldest first, after a cursor", async () => {
    const events = createEvents(db, { ...systemClock, now: () => 42 });
    await events.emit({ ...event("one", "service/a", "project/p"), data: { n: 1 } });
    await events.emit(event("two", "service/a"));
    const [first, second] = await events.list("service/a");
    expect(first).toMatchObject({
      at: 42,
      message: "one",
      subjects: ["service/a", "project/p"],
      data: { n: 1 },
    });
    expect(second?.message).toBe("two");
    expect(await events.list("service/a", { after: first?.id ?? 0 })).toEqual([second]);
    expect(await events.list("service/a", { limit: 1 })).toEqual([first]);
    expect(await events.list("project/p")).toEqual([first]);
    expect(await events.list("project/q")).toEqual([]);
  });

  it("are followed from the stored to the live ones without gap or repeat", async () => {
    const events = createEvents(db, systemClock);
    const expected = Array.from({ length: 700 }, (_, n) => `${n}`);
    for (const message of expected.slice(0, 50)) await events.emit(event(message, "s"));
    const following = take(events.follow("s", { signal: new AbortController().signal }), 700);
    const emitted = expected.slice(50).map((message) => events.emit(event(message, "s")));
    expect(await following).toEqual(expected);
    await Promise.all(emitted);
  });

  it("end when the follower's signal is aborted", async () => {
    const events = createEvents(db, systemClock);
    await events.emit(event("one", "s"));
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const { message } of events.follow("s", { signal: abort.signal })) {
      seen.push(message);
      setImmediate(() => abort.abort());
    }
    expect(seen).toEqual(["one"]);
  });

  it("are kept up to a number", async () => {
    const events = createEvents(db, systemClock, 3);
    for (let n = 0; n < 5; n++) await events.emit(event(`${n}`, "s"));
    expect((await events.list("s")).map(({ message }) => message)).toEqual(["2", "3", "4"]);
    expect(await db.read((tx) => tx.get("SELECT count(*) AS n FROM event_subjects"))).toEqual({ n: 3 });
  });
});
