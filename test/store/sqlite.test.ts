import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SqliteDatabase } from "../../src/store/sqlite.ts";
import { add, die, fill, forgetful, put, putThenRefuse } from "./fixtures/commands.ts";
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

function valueOf(store: SqliteDatabase, name: string): Promise<number | bigint | undefined> {
  return store
    .read((tx) => tx.get<{ value: number | bigint }>("SELECT value FROM counters WHERE name = ?", [name]))
    .then((row) => row?.value);
}

describe("the SQLite store", () => {
  it("shows an acknowledged write to every later read, and to the next program", async () => {
    db = await openCounters(file, writerFile);
    await db.write(put, { name: "a", value: 1 });
    expect(await valueOf(db, "a")).toBe(1);
    await db.close();
    db = await openCounters(file, writerFile);
    expect(await valueOf(db, "a")).toBe(1);
  });

  it("undoes a refused command alone and carries its error's code", async () => {
    db = await openCounters(file, writerFile);
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
    expect(await valueOf(db, "before")).toBe(1);
    expect(await valueOf(db, "refused")).toBeUndefined();
    expect(await valueOf(db, "after")).toBe(2);
  });

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

  it("tells how many rows a statement changed as a number, so that none is 0", () => {
    const connection = Connection.forWriting(file);
    connection.run("CREATE TABLE t (a INTEGER)");
    connection.run("INSERT INTO t VALUES (1), (2)");
    expect(connection.run("UPDATE t SET a = 3")).toEqual({ changes: 2 });
    expect(connection.run("DELETE FROM t WHERE a = 4")).toEqual({ changes: 0 });
    connection.close();
  });

  it("carries integers beyond 2^53 as bigint, and only those", async () => {
    db = await openCounters(file, writerFile);
    await db.write(put, { name: "big", value: 2n ** 60n });
    await db.write(put, { name: "small", value: 7n });
    expect(await valueOf(db, "big")).toBe(2n ** 60n);
    expect(await valueOf(db, "small")).toBe(7);
    expect(await db.write(add, { name: "big", by: 1 })).toEqual({ value: 2n ** 60n + 1n });
    expect(await valueOf(db, "big")).toBe(2n ** 60n + 1n);
  });

  it("reads in one snapshot, whatever is written meanwhile", async () => {
    db = await openCounters(file, writerFile);
    const store = db;
    await store.write(put, { name: "a", value: 1 });
    const seen = await store.read(async (tx) => {
      const sql = "SELECT value FROM counters WHERE name = 'a'";
      const first = await tx.get<{ value: number }>(sql);
      await store.write(put, { name: "a", value: 2 });
      return [first?.value, (await tx.get<{ value: number }>(sql))?.value, await valueOf(store, "a")];
    });
    expect(seen).toEqual([1, 1, 2]);
  });

  it("lets no reader write", async () => {
    db = await openCounters(file, writerFile);
    await expect(db.read((tx) => tx.all("INSERT INTO counters VALUES ('x', 1)"))).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
  });

  it("minds case in LIKE as PostgreSQL does", async () => {
    db = await openCounters(file, writerFile);
    await db.write(put, { name: "Alpha", value: 1 });
    const like = (pattern: string) =>
      (db as SqliteDatabase).read((tx) => tx.all("SELECT name FROM counters WHERE name LIKE ?", [pattern]));
    expect(await like("Al%")).toHaveLength(1);
    expect(await like("al%")).toHaveLength(0);
  });

  it("refuses statements of a command that has ended", async () => {
    db = await openCounters(file, writerFile);
    await db.write(put, { name: "kept", value: 1 });
    await db.write(forgetful, {});
    await db.write(put, { name: "later", value: 1 });
    expect(await valueOf(db, "kept")).toBe(1);
  });

  it("refuses writes over its bounds, and takes them again later", async () => {
    db = await openCounters(file, writerFile, { queue: { count: 2, bytes: 1000 } });
    const waiting = [db.write(put, { name: "a", value: 1 }), db.write(put, { name: "b", value: 1 })];
    await expect(db.write(put, { name: "c", value: 1 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await Promise.all(waiting);
    await expect(db.write(put, { name: "x".repeat(2000), value: 1 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    await db.write(put, { name: "c", value: 1 });
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

  it("refuses a database of a newer program, and one of another program", async () => {
    const store = await openCounters(file, writerFile, {
      migrations: [{ id: "counter-002", statements: [] }],
    });
    await store.close();
    await expect(openCounters(file, writerFile)).rejects.toMatchObject({
      code: "STORE_NEWER",
      facts: { given: "counter-002" },
    });
    const foreign = join(folder.path, "foreign.db");
    const other = new DatabaseSync(foreign);
    other.exec("CREATE TABLE experiments (id INTEGER)");
    other.close();
    await expect(openCounters(foreign, writerFile)).rejects.toMatchObject({ code: "STORE_FOREIGN" });
  });

  it("applies migrations all or none", async () => {
    const broken = [
      { id: "a", statements: ["CREATE TABLE a (x INTEGER)"] },
      { id: "b", statements: ["CREATE TABLE a (x INTEGER)"] },
    ];
    await expect(openCounters(file, writerFile, { migrations: broken })).rejects.toThrow(/already exists/);
    db = await openCounters(file, writerFile);
    expect(await db.read((tx) => tx.all("SELECT name FROM sqlite_schema WHERE name = 'a'"))).toEqual([]);
  });

  it("keeps every acknowledged write when its process is killed under load", async () => {
    const load = await bundleFixture("load", built.path);
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      acknowledged.push(...(await killedUnderLoad(load, [file, writerFile], 300 * (round + 1))));
    }
    db = await openCounters(file, writerFile);
    const rows = await db.read((tx) => tx.all<{ name: string }>("SELECT name FROM counters"));
    const kept = new Set(rows.map((row) => row.name));
    expect(acknowledged.length).toBeGreaterThan(1000);
    expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
    expect(await db.read((tx) => tx.get("PRAGMA integrity_check"))).toEqual({ integrity_check: "ok" });
  });
});

/** Runs the fixture, kills it after so many acknowledgements, and answers the whole lines it printed. */
function killedUnderLoad(program: string, args: string[], after: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    let lines = 0;
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      lines += chunk.split("\n").length - 1;
      if (lines >= after) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`the fixture ended by itself with ${code}`));
      else resolve(output.split("\n").slice(0, -1));
    });
  });
}
