import { AsyncResource } from "node:async_hooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { pruneOnce } from "../../src/tenancy/audit-retention.ts";
import type { NewAuditEntry } from "../../src/tenancy/audit-commands.ts";
import { AuditedChanges } from "../../src/tenancy/audited-changes.ts";
import { noteTokenUses } from "../../src/tenancy/token-commands.ts";
import { PASSWORD, startTenancy, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let ana: string;

beforeAll(async () => {
  platform = await startTenancy();
  for (const name of ["team-a", "team-b"]) await platform.ask("POST", "/tenants", { body: { name } });
  ana = await platform.person("ana", { "team-a": "admin" });
});
afterAll(() => platform.close());

const audit = async (query: string, as?: string) => {
  const answer = await platform.ask("GET", `/audit?${query}`, as === undefined ? {} : { as });
  return { ...answer, entries: answer.body.entries as Record<string, unknown>[] };
};
const mlflow = (path: string, body: object, method = "POST") =>
  platform.ask(method, `/api/2.0/mlflow/${path}`, { as: ana, body });

describe("the audit log", () => {
  it("says who changed what, from where and how it ended, before and after", async () => {
    await platform.ask("PUT", "/tenants/team-a/members/ana", { body: { role: "member" } });
    await platform.ask("PUT", "/tenants/team-a/members/ana", { body: { role: "admin" } });
    const { entries } = await audit("subject=tenant/team-a&limit=1");
    expect(entries).toEqual([
      {
        id: expect.any(Number),
        at: expect.any(Number),
        tenant: "team-a",
        actor: "platform",
        actorKind: "token",
        tokenId: null,
        action: "PUT /api/slipway/v1/tenants/:tenant/members/:person",
        subject: "tenant/team-a",
        given: { tenant: "team-a", person: "ana", role: "admin" },
        was: { person: "ana", role: "member" },
        became: { person: "ana", role: "admin" },
        address: "127.0.0.1",
        status: 200,
      },
    ]);
  });

  it("has what MLflow's clients change, and what they were refused", async () => {
    await mlflow("registered-models/create", { name: "churn", tags: [{ key: "team", value: "a" }] });
    await mlflow("registered-models/create", { name: "churn" });
    await mlflow("registered-models/delete", { name: "churn" }, "DELETE");
    const viewer = await platform.person("vera", { "team-a": "viewer" });
    await platform.ask("POST", "/api/2.0/mlflow/experiments/create", { as: viewer, body: { name: "x" } });
    const { entries } = await audit("tenant=team-a&limit=5", ana);
    expect(entries.map(({ actor, action, status }) => `${actor} ${action} ${status}`)).toEqual([
      "vera POST mlflow/experiments/create 403",
      "platform PUT /api/slipway/v1/tenants/:tenant/members/:person 200",
      "ana DELETE mlflow/registered-models/delete 200",
      "ana POST mlflow/registered-models/create 400",
      "ana POST mlflow/registered-models/create 200",
    ]);
    expect(entries[4]?.["given"]).toEqual({ name: "churn", tags: [{ key: "team", value: "a" }] });
  });

  it("leaves out what tracking runs log, what only reads, and callers that nobody knows", async () => {
    const { body } = await mlflow("experiments/create", { name: "logging" });
    const before = (await audit("limit=1")).entries[0]?.["id"];
    const { run } = (await mlflow("runs/create", { experiment_id: body.experiment_id })).body;
    const { run_id } = run.info;
    await mlflow("runs/log-metric", { run_id, key: "m", value: 1, timestamp: 1 });
    await mlflow("runs/log-batch", { run_id, params: [{ key: "p", value: "1" }] });
    await mlflow("runs/log-parameter", { run_id, key: "q", value: "1" });
    await mlflow("runs/set-tag", { run_id, key: "t", value: "1" });
    await mlflow("runs/update", { run_id, status: "FINISHED" });
    await mlflow("runs/search", { experiment_ids: [body.experiment_id] });
    await platform.ask("PUT", "/api/2.0/mlflow-artifacts/artifacts/x", { as: ana, body: {} });
    await mlflow("gateway/secrets/create", { name: "x" });
    await mlflow("nothing/at-all", {});
    await platform.ask("POST", "/tenants", { as: null, body: { name: "mine" } });
    await platform.ask("POST", "/tenants", { as: "slipway_unknown", body: { name: "mine" } });
    expect((await audit("limit=1")).entries[0]?.["id"]).toBe(before);
    await mlflow("runs/delete", { run_id });
    expect((await audit("limit=1")).entries[0]?.["action"]).toBe("POST mlflow/runs/delete");
  });

  it("never shows a secret", async () => {
    await platform.ask("POST", "/people", { body: { name: "sam", password: "a-very-secret-word" } });
    await platform.ask("PUT", "/people/sam/password", { body: { password: "another-secret-word" } });
    const sam = (await platform.ask("POST", "/tokens", { body: { name: "own", person: "sam" } })).body.token;
    const currentPassword = "another-secret-word";
    const changed = { password: "a-third-secret-word", currentPassword };
    expect((await platform.ask("PUT", "/people/sam/password", { as: sam, body: changed })).status).toBe(204);
    const { token } = (await platform.ask("POST", "/tokens", { body: { name: "x", person: "sam" } })).body;
    await mlflow("experiments/create", { name: "e", tags: [{ key: "api_key", value: "sk-live-123" }] });
    const rows = JSON.stringify(await platform.db.read((tx) => tx.all("SELECT * FROM audit")));
    for (const secret of [
      "a-very-secret-word",
      currentPassword,
      changed.password,
      sam,
      token,
      "sk-live-123",
      PASSWORD,
    ])
      expect(rows).not.toContain(secret);
    expect((await audit("subject=person/sam")).entries.at(-1)?.["given"]).toMatchObject({
      name: "sam",
      password: "***",
    });
  });

  it("keeps a row small, whatever was sent", async () => {
    const tags = Array.from({ length: 50 }, (_, i) => ({ key: `k${i}`, value: "v".repeat(4000) }));
    await mlflow("experiments/create", { name: "n".repeat(400), tags });
    const [entry] = (await audit("limit=1")).entries;
    expect(entry?.["given"]).toEqual({ name: `${"n".repeat(200)}…`, tags: "50 items" });
  });

  it("is read by page, and by whose it is", async () => {
    const all = (await audit("limit=1000")).entries.map(({ id }) => id);
    const paged: unknown[] = [];
    for (let next: number | undefined; ;) {
      const page: { body: { entries: { id: number }[]; next?: number } } = await audit(
        `limit=3${next === undefined ? "" : `&before=${next}`}`,
      );
      paged.push(...page.body.entries.map(({ id }) => id));
      next = page.body.next;
      if (next === undefined) break;
    }
    expect(paged).toEqual(all);
    expect((await audit("tenant=team-a", ana)).entries.every(({ tenant }) => tenant === "team-a")).toBe(true);
    expect((await audit("tenant=team-b", ana)).status).toBe(404);
    expect((await audit("", ana)).status).toBe(403);
    expect((await audit("action=DELETE%20mlflow")).entries).toHaveLength(1);
    expect((await audit("actor=ana&until=1")).entries).toEqual([]);
  });

  it.each(["UPDATE audit SET actor = 'nobody'", "UPDATE audit SET status = 500", "DELETE FROM audit"])(
    "refuses %s",
    async (sql) => {
      const before = (await audit("limit=1000")).entries;
      await expect(platform.execute(sql)).rejects.toThrow("append-only");
      expect((await audit("limit=1000")).entries).toEqual(before);
    },
  );
});

/** How far the newest change of tenants came; the process may be killed at any of these lines. */
async function openRows(of: TenancyPlatform): Promise<object[]> {
  return of.db.read((tx) =>
    tx.all("SELECT subject, status, was FROM audit WHERE action LIKE '%/tenants' ORDER BY id DESC LIMIT 1"),
  );
}

describe("a row of the audit log", () => {
  it("is in the commit of the change, before anybody could be told of it", async () => {
    let reached: (() => void) | undefined;
    const committed = new Promise<void>((resolve) => (reached = resolve));
    let goOn: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const own = await startTenancy({
      // What was committed isn't heard of: for the process that is as good as its end.
      through: (db) => ({
        ...passed(db),
        async write(command, args, also) {
          const result = await db.write(command, args, also);
          if (command.name === "tenancy.create-tenant") {
            reached?.();
            await held;
          }
          return result;
        },
      }),
    });
    try {
      const answer = own.ask("POST", "/tenants", { body: { name: "team-k" } });
      await committed;
      const said = await own.tenancy.audit.search({ limit: 1 });
      expect(said).toMatchObject([{ action: "POST /api/slipway/v1/tenants", status: 0, actor: "platform" }]);
      expect(said[0]?.given).toEqual({ name: "team-k" });
      goOn?.();
      expect((await answer).status).toBe(201);
      const [row] = await own.tenancy.audit.search({ limit: 2 });
      expect(row).toMatchObject({ id: said[0]?.id, at: said[0]?.at, subject: "tenant/team-k", status: 201 });
    } finally {
      goOn?.();
      await own.close();
    }
  });

  it("goes with a change that is undone, and says then how it was refused", async () => {
    await platform.ask("POST", "/tenants", { body: { name: "twice" } });
    const [{ id: before = 0 } = {}] = (await audit("limit=1")).entries as { id?: number }[];
    expect((await platform.ask("POST", "/tenants", { body: { name: "twice" } })).status).toBe(409);
    const { entries } = await audit("limit=2");
    expect(entries.map(({ status }) => status)).toEqual([409, 201]);
    expect(entries[0]?.["id"]).toBeGreaterThan(before);
    expect(await openRows(platform)).toMatchObject([{ status: 409 }]);
  });

  it("is one, whatever a request writes, at one time or after its answer", async () => {
    const changes = new AuditedChanges();
    const written: { name: string; also: unknown }[] = [];
    const counted = changes.watch({
      ...passed(platform.db),
      async write(command, args, also) {
        written.push({ name: command.name, also: also?.args });
        return platform.db.write(command, args, also);
      },
    });
    const entry: NewAuditEntry = {
      tenant: "default",
      actor: "ana",
      actorKind: "person",
      tokenId: null,
      action: "POST /many",
      subject: "many",
      given: null,
      was: null,
      became: null,
      address: null,
      status: 0,
    };
    const ticket = { id: "t-1", at: 5, entry: () => entry, isWritten: false };
    const note = (at: number) => counted.write(noteTokenUses, { uses: [{ tokenId: "none", at }] });
    let doing: Promise<unknown> | undefined;
    let leftRunning: (() => Promise<unknown>) | undefined;
    changes.run(ticket, () => {
      doing = Promise.all([note(1), note(2)]).then(() => note(3));
      leftRunning = AsyncResource.bind(() => note(4));
    });
    await doing;
    changes.end(ticket);
    await platform.tenancy.audit.finish({ ...entry, status: 200 }, ticket);
    expect(written.map(({ also }) => also !== undefined)).toEqual([true, true, false]);
    expect((await audit("action=POST%20/many")).entries).toMatchObject([{ at: 5, status: 200 }]);
    await leftRunning?.();
    expect(written.filter(({ also }) => also !== undefined)).toHaveLength(2);
  });
});

describe("what is older than the audit log is kept", () => {
  const DAY = 86_400_000;
  const days = (count: number) => Date.UTC(2026, 0, 1) + count * DAY;

  it("goes, and a row says so; a clock that is wrong takes nothing", async () => {
    let at = days(0);
    const clock = { now: () => at, sleep: async () => undefined };
    const own = await startTenancy({ clock });
    try {
      const make = (name: string) => own.ask("POST", "/tenants", { body: { name } });
      await make("old");
      at = days(20);
      await make("young");
      const prune = () => pruneOnce({ db: own.db, clock, days: 30 }, new AbortController().signal);
      at = days(4000);
      expect(await prune()).toBe(0);
      at = days(40);
      await make("new");
      expect(await prune()).toBe(1);
      const entries = await own.tenancy.audit.search({ limit: 10 });
      expect(entries.map(({ action, subject }) => `${action} ${subject}`)).toEqual([
        "prune-audit audit",
        "POST /api/slipway/v1/tenants tenant/new",
        "POST /api/slipway/v1/tenants tenant/young",
      ]);
      expect(entries[0]?.given).toEqual({ before: "2026-01-11T00:00:00.000Z", rows: 1 });
      expect(await prune()).toBe(0);
      await expect(own.execute(`DELETE FROM audit WHERE at >= ${days(10)}`)).rejects.toThrow("append-only");
    } finally {
      await own.close();
    }
  });
});

function passed(db: Database): Database {
  return {
    write: (command, args, also) => db.write(command, args, also),
    read: (query) => db.read(query),
    close: () => db.close(),
  };
}
