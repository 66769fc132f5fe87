import { spawn } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/store/database.ts";
import {
  add,
  forgetful,
  measure,
  put,
  putThenRefuse,
  readThenWrite,
  scopedReadThenWrite,
  swallow,
} from "../store/fixtures/commands.ts";
import {
  counterMigrations,
  openAt,
  placeToWords,
  type CountingDatabase,
  type Place,
} from "../store/support-open.ts";
import { bundleFixture, temporaryFolder } from "../store/support.ts";

/** How one kind of database is tested. */
export interface DatabaseUnderTest {
  /** A new, empty place. */
  place(): Promise<Place>;
  /** A place whose tables are another program's. */
  foreignPlace(): Promise<Place>;
  /** SQL that lists the names of all tables as `name`. */
  tableNames: string;
  /** Looks for damage after processes were killed, where the database can be asked. */
  checkSound?(db: Database): Promise<void>;
}

/** Holds for every implementation of Database. */
export function databaseContract(name: string, kind: DatabaseUnderTest): void {
  describe(`database: ${name}`, () => {
    let place: Place;
    const opened: CountingDatabase[] = [];
    beforeEach(async () => void (place = await kind.place()));
    afterEach(async () => void (await Promise.all(opened.splice(0).map((db) => db.close()))));

    const open = async (options?: Parameters<typeof openAt>[1], at = place): Promise<CountingDatabase> => {
      const db = await openAt(at, options);
      opened.push(db);
      return db;
    };

    it("shows an acknowledged write to every later read, and to the next program", async () => {
      const db = await open();
      await db.write(put, { name: "a", value: 1 });
      expect(await valueOf(db, "a")).toBe(1);
      await db.close();
      expect(await valueOf(await open(), "a")).toBe(1);
    });

    it("undoes a refused command alone and carries its error's code", async () => {
      const db = await open();
      const results = await Promise.allSettled([
        db.write(put, { name: "before", value: 1 }),
        db.write(putThenRefuse, { name: "refused" }),
        db.write(put, { name: "after", value: 2 }),
      ]);
      expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
        code: "CONFLICT",
        message: "not like this",
        facts: { where: "here" },
      });
      expect(await namesIn(db)).toEqual(["after", "before"]);
    });

    it("undoes a command alone that the database refuses", async () => {
      const db = await open();
      const results = await Promise.allSettled([
        db.write(put, { name: "before", value: 1 }),
        db.write(measure, { name: "m", value: 1, note: null }),
        db.write(measure, { name: "m", value: 2, note: null }),
        db.write(put, { name: "after", value: 2 }),
      ]);
      expect(results.map((result) => result.status)).toEqual([
        "fulfilled",
        "fulfilled",
        "rejected",
        "fulfilled",
      ]);
      expect((results[2] as PromiseRejectedResult).reason).toMatchObject({ code: "INTERNAL" });
      expect(await namesIn(db)).toEqual(["after", "before"]);
    });

    it("commits waiting commands together", async () => {
      const db = await open();
      await db.write(put, { name: "sum", value: 0 });
      const before = db.stats();
      const values = await Promise.all(
        Array.from({ length: 200 }, () => db.write(add, { name: "sum", by: 1 })),
      );
      const after = db.stats();
      expect(values.map(({ value }) => value)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
      expect(after.acknowledged - before.acknowledged).toBe(200);
      expect(after.commits - before.commits).toBeLessThanOrEqual(100);
    });

    it("lets nobody between what a command reads and what it writes", async () => {
      const [one, two] = await Promise.all([open(), open()]);
      await Promise.all(["a", "b", "c"].map((name) => one.write(put, { name, value: 0 })));
      const names = ["a", "b", "c", "a", "b", "c"];
      await Promise.all(
        [one, two].flatMap((db) =>
          Array.from({ length: 5 }, () => [
            ...names.map((name) => db.write(scopedReadThenWrite, { name })),
            db.write(readThenWrite, { name: "a" }),
          ]).flat(),
        ),
      );
      expect(await Promise.all(["a", "b", "c"].map((name) => valueOf(two, name)))).toEqual([30, 20, 20]);
    });

    it("carries integers beyond 2^53 as bigint, and only those", async () => {
      const db = await open();
      await db.write(put, { name: "big", value: 2n ** 60n });
      await db.write(put, { name: "small", value: 7n });
      expect(await valueOf(db, "big")).toBe(2n ** 60n);
      expect(await valueOf(db, "small")).toBe(7);
      expect(await db.write(add, { name: "big", by: 1 })).toEqual({ value: 2n ** 60n + 1n });
      await db.write(put, { name: "least", value: -(2n ** 63n) });
      expect(await valueOf(db, "least")).toBe(-(2n ** 63n));
      expect(
        await db.read((tx) => tx.get("SELECT SUM(value) AS s FROM counters WHERE name = 'small'")),
      ).toEqual({
        s: 7,
      });
    });

    it("carries doubles bit by bit, texts of every language, and nothing", async () => {
      const db = await open();
      const values = [0.1, 1e21, 5e-324, Number.MAX_VALUE, Infinity, -Infinity, 1, 2 ** 53, null];
      const texts = [
        "",
        "é",
        "𝔘nicode 🙂",
        "'; DROP TABLE counters; --",
        "a?b$1",
        "\\",
        "line\nline",
        null,
        "%_",
      ];
      await Promise.all(
        values.map((value, n) => db.write(measure, { name: `${n}`, value, note: texts[n] ?? null })),
      );
      const rows = await db.read((tx) =>
        tx.all<{ value: number; note: string }>("SELECT value, note FROM measured ORDER BY name"),
      );
      for (const [n, row] of rows.entries())
        expect(row).toEqual({ value: values[n], note: texts[n] ?? null });
      expect(rows).toHaveLength(values.length);
    });

    it("refuses NaN, which the databases keep differently", async () => {
      const db = await open();
      await expect(db.write(measure, { name: "n", value: Number.NaN, note: null })).rejects.toThrow(/NaN/);
      await expect(
        db.read((tx) => tx.all("SELECT 1 FROM measured WHERE value = ?", [Number.NaN])),
      ).rejects.toThrow(/NaN/);
    });

    it("reads in one snapshot, whatever is written meanwhile", async () => {
      const db = await open();
      await db.write(put, { name: "a", value: 1 });
      const seen = await db.read(async (tx) => {
        const sql = "SELECT value FROM counters WHERE name = 'a'";
        const first = await tx.get<{ value: number }>(sql);
        await db.write(put, { name: "a", value: 2 });
        return [first?.value, (await tx.get<{ value: number }>(sql))?.value, await valueOf(db, "a")];
      });
      expect(seen).toEqual([1, 1, 2]);
    });

    it("lets no reader write", async () => {
      const db = await open();
      await expect(db.read((tx) => tx.all("INSERT INTO counters VALUES ('x', 1)"))).rejects.toMatchObject({
        code: "STORE_FAILED",
      });
      expect(await namesIn(db)).toEqual([]);
    });

    it("orders and compares texts by their bytes, and minds case in LIKE", async () => {
      const db = await open();
      for (const name of ["b", "Alpha", "a", "É", "Z", "é", "_"]) await db.write(put, { name, value: 1 });
      expect(await namesIn(db)).toEqual(["Alpha", "Z", "_", "a", "b", "É", "é"]);
      const like = (pattern: string) =>
        db.read((tx) => tx.all("SELECT name FROM counters WHERE name LIKE ?", [pattern]));
      expect(await like("Al%")).toHaveLength(1);
      expect(await like("al%")).toHaveLength(0);
    });

    it("refuses statements of a command that has ended", async () => {
      const db = await open();
      await db.write(put, { name: "kept", value: 1 });
      await db.write(forgetful, {});
      await db.write(put, { name: "later", value: 1 });
      expect(await valueOf(db, "kept")).toBe(1);
    });

    it("refuses writes over its bounds, and takes them again later", async () => {
      const db = await open({ queue: { count: 2, bytes: 1000 } });
      const waiting = [db.write(put, { name: "a", value: 1 }), db.write(put, { name: "b", value: 1 })];
      await expect(db.write(put, { name: "c", value: 1 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
      await Promise.all(waiting);
      await expect(db.write(put, { name: "x".repeat(2000), value: 1 })).rejects.toMatchObject({
        code: "UNAVAILABLE",
      });
      await db.write(put, { name: "c", value: 1 });
    });

    it("answers what waits before it closes, and takes nothing afterwards", async () => {
      const db = await open();
      const waiting = Array.from({ length: 20 }, (_, n) => db.write(put, { name: `${n}`, value: n }));
      const closed = db.close();
      await expect(db.write(put, { name: "late", value: 1 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
      await Promise.all(waiting);
      await closed;
      await expect(db.read((tx) => tx.all("SELECT 1"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    });

    it("lets two programs start at once, and one of them make the schema", async () => {
      const slow = [
        ...counterMigrations,
        ...Array.from({ length: 10 }, (_, n) => ({
          id: `t${n}`,
          statements: [`CREATE TABLE t${n} (x INTEGER)`],
        })),
      ];
      const all = await Promise.all(Array.from({ length: 4 }, () => open({ migrations: slow })));
      await Promise.all(all.map((db, n) => db.write(put, { name: `${n}`, value: n })));
      expect(await namesIn(all[0] as CountingDatabase)).toEqual(["0", "1", "2", "3"]);
      const applied = await all[1]?.read((tx) => tx.get("SELECT COUNT(*) AS n FROM schema_migrations"));
      expect(applied).toEqual({ n: slow.length });
    });

    it("refuses a database of a newer program, and one of another program", async () => {
      await (await open({ migrations: [{ id: "counter-002", statements: [] }] })).close();
      await expect(open()).rejects.toMatchObject({ code: "STORE_NEWER", facts: { given: "counter-002" } });
      await expect(open({}, await kind.foreignPlace())).rejects.toMatchObject({ code: "STORE_FOREIGN" });
    });

    it("applies migrations all or none", async () => {
      const broken = [
        { id: "a", statements: ["CREATE TABLE a (x INTEGER)"] },
        { id: "b", statements: ["CREATE TABLE a (x INTEGER)"] },
      ];
      await expect(open({ migrations: broken })).rejects.toThrow(/already exists/);
      const db = await open();
      const names = await db.read((tx) => tx.all<{ name: string }>(kind.tableNames));
      expect(names.map((row) => row.name)).not.toContain("a");
    });

    describe("under a process that is killed", () => {
      let built: Awaited<ReturnType<typeof temporaryFolder>>;
      beforeAll(async () => void (built = await temporaryFolder()));
      afterAll(() => built.dispose());

      it("keeps every acknowledged write", async () => {
        const load = await bundleFixture("load", built.path);
        const acknowledged: string[] = [];
        for (const round of ["a", "b"]) {
          acknowledged.push(...(await killedUnderLoad(load, [round, ...placeToWords(place)], 150)));
        }
        const db = await open();
        const kept = new Set(await namesIn(db));
        expect(acknowledged.length).toBeGreaterThanOrEqual(300);
        expect(acknowledged.filter((written) => !kept.has(written))).toEqual([]);
        await kind.checkSound?.(db);
      });
    });

    it("fails a command that goes on after the database refused a statement of it, or undoes nothing", async () => {
      const db = await open();
      const [swallowed] = await Promise.allSettled([
        db.write(swallow, { name: "x" }),
        db.write(put, { name: "y", value: 1 }),
      ]);
      expect(await namesIn(db)).toEqual(swallowed.status === "fulfilled" ? ["x", "y"] : ["y"]);
    });
  });
}

async function valueOf(db: CountingDatabase, name: string): Promise<number | bigint | undefined> {
  const row = await db.read((tx) =>
    tx.get<{ value: number | bigint }>("SELECT value FROM counters WHERE name = ?", [name]),
  );
  return row?.value;
}

async function namesIn(db: CountingDatabase): Promise<string[]> {
  const rows = await db.read((tx) => tx.all<{ name: string }>("SELECT name FROM counters ORDER BY name"));
  return rows.map((row) => row.name);
}

/**
 * Runs the fixture, kills it after so many acknowledgements, and answers the whole lines it printed. `meanwhile` is
 * called with their number until it answers true.
 */
export function killedUnderLoad(
  program: string,
  args: string[],
  after: number,
  meanwhile: (lines: number) => Promise<boolean> = async () => true,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    let lines = 0;
    let isAsking = false;
    let isOver = false;
    const look = async (): Promise<void> => {
      if (!isOver && !isAsking) {
        isAsking = true;
        isOver = await meanwhile(lines);
        isAsking = false;
      }
      if (isOver && lines >= after) child.kill("SIGKILL");
    };
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      lines += chunk.split("\n").length - 1;
      look().catch((error: unknown) => {
        child.kill("SIGKILL");
        reject(error as Error);
      });
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`the fixture ended by itself with ${code}`));
      else resolve(output.split("\n").slice(0, -1));
    });
  });
}
