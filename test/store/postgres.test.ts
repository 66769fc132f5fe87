import { inspect } from "node:util";
import { Client, type ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SlipwayError } from "../../src/http/errors.ts";
import { databaseContract, killedUnderLoad } from "../contract/database.ts";
import { cuttingProxy, type CuttingProxy } from "../support/cutting-proxy.ts";
import { startPostgres, type PostgresServer } from "../support/postgres.ts";
import { freshPostgres } from "../support/shared-postgres.ts";
import { add, measure, put } from "./fixtures/commands.ts";
import { openAt, type CountingDatabase } from "./support-open.ts";
import { bundleFixture, temporaryFolder } from "./support.ts";

databaseContract("PostgreSQL", {
  place: async () => ({ postgres: await freshPostgres() }),
  async foreignPlace() {
    const place = await freshPostgres();
    const schema = schemaOf(place);
    await ask(place, `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.experiments (id INTEGER)`);
    return { postgres: place };
  },
  tableNames: "SELECT tablename::text AS name FROM pg_tables",
});

function schemaOf(url: string): string {
  return new URL(url).searchParams.get("schema") ?? "";
}

function connectionOf(url: string): ClientConfig {
  const { hostname, port, username, pathname } = new URL(url);
  return { host: hostname, port: Number(port), user: username, database: pathname.slice(1) };
}

/** Over a connection of the test's own. */
async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client(connectionOf(url));
  client.on("error", () => {});
  await client.connect();
  try {
    const result = await client.query(sql);
    return result.rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

describe("the PostgreSQL store", () => {
  let direct: string;
  let proxy: CuttingProxy;
  let db: CountingDatabase;
  beforeAll(async () => {
    direct = await freshPostgres();
    proxy = await cuttingProxy(Number(new URL(direct).port));
    const through = new URL(direct);
    through.port = String(proxy.port);
    db = await openAt({ postgres: through.href });
  });
  afterAll(async () => {
    await db.close();
    proxy.close();
  });
  const namesLike = async (pattern: string) => {
    const sql = `SELECT name FROM ${schemaOf(direct)}.counters WHERE name LIKE '${pattern}' ORDER BY name`;
    return (await ask(direct, sql)).map(({ name }) => name);
  };
  const writeThree = (prefix: string) =>
    Promise.allSettled(["1", "2", "3"].map((n) => db.write(put, { name: prefix + n, value: 1 })));

  it("acknowledges once what was committed when the answer to COMMIT was lost", async () => {
    proxy.cutAt("COMMIT", "after");
    const results = await writeThree("after-");
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(await namesLike("after-%")).toEqual(["after-1", "after-2", "after-3"]);
  });

  it("says of what wasn't committed when the connection was lost that it may be sent again", async () => {
    for (const word of ["COMMIT", "INSERT", "SAVEPOINT"]) {
      proxy.cutAt(word, "before");
      const results = await writeThree(`${word}-`);
      for (const result of results) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE" } });
      }
      expect(await namesLike(`${word}-%`)).toEqual([]);
    }
    await db.write(put, { name: "again", value: 1 });
  });

  it("reads again after a lost connection, and says so of the read that it hit", async () => {
    proxy.cutAt("SELECT 42", "before");
    await expect(db.read((tx) => tx.get("SELECT 42 AS n"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await db.read((tx) => tx.get("SELECT 43 AS n"))).toEqual({ n: 43 });
  });

  it("goes on when the server ends its connections", async () => {
    await db.write(put, { name: "before-end", value: 1 });
    await ask(
      direct,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'slipway' AND pid <> pg_backend_pid()`,
    );
    const wrote = await db
      .write(put, { name: "after-end", value: 1 })
      .catch((error: SlipwayError) => error.code);
    expect([{ changes: 1 }, "UNAVAILABLE"]).toContainEqual(wrote);
    await db.write(put, { name: "after-end", value: 1 });
    expect(await namesLike("%-end")).toEqual(["after-end", "before-end"]);
  });

  it("runs a group again that met a deadlock with somebody else's transaction", async () => {
    await db.write(put, { name: "x", value: 1 });
    await db.write(put, { name: "y", value: 1 });
    const counters = `${schemaOf(direct)}.counters`;
    const other = new Client(connectionOf(direct));
    await other.connect();
    // The other one waits first and longer: the server ends ours, which looks after its own second.
    await other.query("SET deadlock_timeout = '20s'");
    await other.query("BEGIN");
    await other.query(`UPDATE ${counters} SET value = 10 WHERE name = 'y'`);
    const writing = Promise.all([db.write(add, { name: "x", by: 1 }), db.write(add, { name: "y", by: 1 })]);
    await untilWaiting(direct);
    await other.query(`UPDATE ${counters} SET value = 10 WHERE name = 'x'`);
    await other.query("COMMIT");
    await other.end();
    expect(await writing).toEqual([{ value: 11 }, { value: 11 }]);
  });

  it("refuses what PostgreSQL can't store, and keeps the rest of the group", async () => {
    const results = await Promise.allSettled([
      db.write(put, { name: "nul-1", value: 1 }),
      db.write(put, { name: "nul-\0", value: 1 }),
      db.write(put, { name: "nul-2", value: 2n ** 70n }),
      db.write(measure, { name: "nul-3", value: 1, note: null }),
    ]);
    expect(results.map((result) => (result as PromiseRejectedResult).reason?.code)).toEqual([
      undefined,
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      undefined,
    ]);
    await expect(
      db.read((tx) => tx.all("SELECT 1 FROM counters WHERE name = ?", ["\0"])),
    ).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  it("writes durably where the server was told not to", async () => {
    const [row] = await db.read((tx) => tx.all("SELECT current_setting('synchronous_commit') AS is"));
    expect(row).toEqual({ is: "on" });
  });

  it("keeps schemas of one database apart", async () => {
    const other = await openAt({ postgres: await freshPostgres() });
    await db.write(put, { name: "here", value: 1 });
    expect(await other.read((tx) => tx.all("SELECT name FROM counters"))).toEqual([]);
    await other.close();
  });

  it("says why it isn't let in, without the password", async () => {
    const url = new URL(direct);
    url.password = "geheim";
    url.pathname = "/nowhere";
    const refused = await openAt({ postgres: url.href }).catch((error: SlipwayError) => error);
    expect(refused).toMatchObject({ code: "STORE_REFUSED" });
    url.port = "1";
    const unreachable = await openAt({ postgres: url.href }).catch((error: SlipwayError) => error);
    expect(unreachable).toMatchObject({ code: "STORE_UNREACHABLE" });
    for (const error of [refused, unreachable]) expect(inspect(error, { depth: 9 })).not.toContain("geheim");
  });
});

/** Until a session of ours waits for somebody's lock. */
async function untilWaiting(url: string): Promise<void> {
  const sql = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE counters%'`;
  for (let tries = 0; tries < 500; tries++) {
    if ((await ask(url, sql)).length > 0) return;
  }
  throw new Error("nobody waits");
}

describe("a PostgreSQL server that is killed", () => {
  let server: PostgresServer;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    [server, folder] = await Promise.all([startPostgres({ isDurable: true }), temporaryFolder()]);
  });
  afterAll(() => Promise.all([server.stop(), folder.dispose()]));

  it("has kept every acknowledged write, and is written to again", async () => {
    const load = await bundleFixture("load", folder.path);
    const place = { postgres: `${server.url}?schema=killed` };
    const db = await openAt(place);
    const loading = killedUnderLoad(load, ["a", place.postgres], 400, async (lines) => {
      if (lines < 150) return false;
      await server.kill();
      await expect(db.write(put, { name: "during", value: 1 })).rejects.toMatchObject({
        code: "UNAVAILABLE",
      });
      await server.restart();
      return true;
    });
    const acknowledged = await loading;
    await db.write(put, { name: "after", value: 1 });
    const rows = await db.read((tx) => tx.all<{ name: string }>("SELECT name FROM counters"));
    const kept = new Set(rows.map((row) => row.name));
    expect(acknowledged.length).toBeGreaterThanOrEqual(400);
    expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
    expect(kept).toContain("after");
    await db.close();
  });
});
