import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SqliteDatabase } from "../../src/store/sqlite.ts";
import { databaseContract } from "../contract/database.ts";
import { add, die, fill, put } from "./fixtures/commands.ts";
import { Connection } from "../../src/store/sqlite/connection.ts";
import { openCounters } from "./support-open.ts";
import { bundleFixture, temporaryFolder } from "./support.ts";

let built: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let writerFile: string;
let file: string;
let db: SqliteDatabase | undefined;

beforeAll(async () => {
  built = await temporaryFolder();
  writerFile = await bundleFixture("writer", built.path);
});
afterAll(() => built.dispose());
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, "store.db");
});
afterEach(async () => {
  await db?.close();
  db = undefined;
  await folder.dispose();
});

databaseContract("SQLite", {
  place: async () => ({ file: join(await contractFolder(), "store.db"), writerFile }),
  async foreignPlace() {
    const foreign = join(await contractFolder(), "foreign.db");
    const other = new DatabaseSync(foreign);
    other.exec("CREATE TABLE experiments (id INTEGER)");
    other.close();
    return { file: foreign, writerFile };
  },
  tableNames: "SELECT name FROM sqlite_schema",
  async checkSound(store) {
    expect(await store.read((tx) => tx.get("PRAGMA integrity_check"))).toEqual({ integrity_check: "ok" });
  },
});

const contractFolders: Awaited<ReturnType<typeof temporaryFolder>>[] = [];
afterAll(() => Promise.all(contractFolders.map((one) => one.dispose())));
async function contractFolder(): Promise<string> {
  const made = await temporaryFolder();
  contractFolders.push(made);
  return made.path;
}

function valueOf(store: SqliteDatabase, name: string): Promise<number | bigint | undefined> {
  return store
    .read((tx) => tx.get<{ value: number | bigint }>("SELECT value FROM counters WHERE name = ?", [name]))
    .then((row) => row?.value);
}

describe("the SQLite store", () => {
  it("commits waiting commands together", async () => {
    db = await openCounters(file, writerFile);
    await db.write(put, { name: "sum", value: 0 });
    const before = db.stats();
    const values = await Promise.all(
      Array.from({ length: 1000 }, () => (db as SqliteDatabase).write(add, { name: "sum", by: 1 })),
    );
    const after = db.stats();
    expect(values.at(-1)?.value).toBe(1000);
    expect(after.acknowledged - before.acknowledged).toBe(1000);
    expect(after.commits - before.commits).toBeLessThanOrEqual(10);
  });

  it("refuses arguments that can't go to the writer, and no other command of the same moment", async () => {
    const store = await openCounters(file, writerFile);
    db = store;
    const [before, wrong, after] = await Promise.allSettled([
      store.write(put, { name: "before", value: 1 }),
      store.write(put, { name: "wrong", value: (() => 1) as unknown as number }),
      store.write(put, { name: "after", value: 2 }),
    ]);
    expect([before.status, wrong.status, after.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await Promise.all(["before", "wrong", "after"].map((name) => valueOf(store, name)))).toEqual([
      1,
      undefined,
      2,
    ]);
  });

  it("tells how many rows a statement changed as a number, so that none is 0", () => {
    const connection = Connection.forWriting(file);
    connection.run("CREATE TABLE t (a INTEGER)");
    connection.run("INSERT INTO t VALUES (1), (2)");
    expect(connection.run("UPDATE t SET a = 3")).toEqual({ changes: 2 });
    expect(connection.run("DELETE FROM t WHERE a = 4")).toEqual({ changes: 0 });
    connection.close();
  });

  it("says when no room is left, keeps what was there, and goes on", async () => {
    db = await openCounters(file, writerFile);
    await db.write(put, { name: "kept", value: 1 });
    const results = await Promise.allSettled([
      db.write(fill, { bytes: 2_000_000 }),
      db.write(put, { name: "beside", value: 1 }),
    ]);
    expect(results[0]).toMatchObject({ status: "rejected", reason: { code: "STORE_FULL" } });
    const beside = results[1]?.status === "fulfilled" ? 1 : undefined;
    expect(await valueOf(db, "beside")).toBe(beside);
    await db.write(put, { name: "after", value: 1 });
    expect(await valueOf(db, "kept")).toBe(1);
    expect(await valueOf(db, "after")).toBe(1);
  });

  it("rejects what is pending and reports once when the writer's thread dies", async () => {
    const fatal: string[] = [];
    db = await openCounters(file, writerFile, { onFatal: (error) => fatal.push(error.code) });
    const results = await Promise.allSettled([db.write(die, {}), db.write(put, { name: "a", value: 1 })]);
    expect(results.map((result) => (result as PromiseRejectedResult).reason?.code)).toEqual([
      "STORE_FAILED",
      "STORE_FAILED",
    ]);
    await expect(db.write(put, { name: "b", value: 1 })).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(fatal).toEqual(["STORE_FAILED"]);
  });

  it("refuses a file that isn't a database", async () => {
    await writeFile(file, "this is no database ".repeat(500));
    await expect(openCounters(file, writerFile)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  });
});
