import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

  it.each(["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])("refuses %s", async (sql) => {
    const before = (await audit("limit=1000")).entries;
    await expect(platform.execute(sql)).rejects.toThrow("append-only");
    expect((await audit("limit=1000")).entries).toEqual(before);
  });
});
