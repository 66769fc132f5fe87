import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { slipway as command } from "../cli/run.ts";
import { git, newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

const summand = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
const SUMMANDS = { inputs: [summand("a"), summand("b")] };
const NOWHERE = "nowhere";

interface Answer {
  status: number;
  text: string;
  headers: Headers;
}

/** Two tenants side by side on one platform with a login, each with a project of its own. */
describe("tenants side by side", () => {
  const data = newFolder("tenants");
  const folders: string[] = [data];
  let platform: TestPlatform & { token?: string };
  const tokens: Record<string, string> = {};

  async function call(
    as: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await fetch(`${platform.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens[as]}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }
  async function json<T>(as: string, path: string): Promise<T> {
    const { status, text } = await call(as, "GET", path);
    expect(status, `${path}: ${text}`).toBe(200);
    return JSON.parse(text) as T;
  }
  const address = (as: string, name: string): string =>
    `http://${as}:${tokens[as]}@${platform.url.slice("http://".length)}/git/${name}.git`;
  async function push(as: string, name: string, model = name): Promise<string> {
    const files = modelProject(name, ADDER);
    files["slipway.yaml"] = String(files["slipway.yaml"]).replace(
      `model: { name: ${name} }`,
      `model: { name: ${model} }`,
    );
    const work = await workTree(files);
    folders.push(work);
    return (await git(work, "push", address(as, name), "HEAD:main")).output;
  }
  const api = (path: string): string => `/api/slipway/v1${path}`;

  beforeAll(async () => {
    platform = await startPlatform(join(data, "data"), 0, {}, ["--auth", "required"]);
    tokens["root"] = platform.token ?? "";
    for (const [tenant, person] of [
      ["team-red", "rita"],
      ["team-blue", "ben"],
    ] as const) {
      await call("root", "POST", api("/tenants"), { name: tenant });
      await call("root", "POST", api("/people"), { name: person, password: "correct horse battery" });
      await call("root", "PUT", api(`/tenants/${tenant}/members/${person}`), { role: "member" });
      const made = await call("root", "POST", api("/tokens"), { name: "test", person });
      tokens[person] = (JSON.parse(made.text) as { token: string }).token;
    }
    expect(await push("rita", "crimson")).toContain("first champion");
    expect(await push("ben", "blue")).toContain("first champion");
  });
  afterAll(async () => {
    await platform.stop();
    for (const folder of folders) removeFolder(folder);
  });

  test("each calls its own service, and the other's isn't there", async () => {
    const infer = (as: string, model: string) =>
      call(as, "POST", `/v2/models/${model}/infer`, SUMMANDS, { "x-slipway-request-id": "same" });
    for (const [as, own, other] of [
      ["rita", "crimson", "blue"],
      ["ben", "blue", "crimson"],
    ] as const) {
      expect((await infer(as, own)).text).toContain('"data":[2,4]');
      const calls = [
        ["POST", "/v2/models/NAME/infer", SUMMANDS],
        ["GET", "/v2/models/NAME", undefined],
        ["GET", "/v2/models/NAME/ready", undefined],
        ["GET", "/v2/models/NAME/versions/1", undefined],
        ["POST", "/v1/models/NAME:predict", { instances: [] }],
        ["POST", "/v2/repository/models/NAME/load", {}],
        ["POST", "/v2/repository/models/NAME/unload", {}],
        ["POST", "/endpoints/NAME/invocations", { inputs: [] }],
      ] as const;
      for (const [method, path, body] of calls) {
        const foreign = await call(as, method, path.replace("NAME", other), body);
        const unknown = await call(as, method, path.replace("NAME", NOWHERE), body);
        expect(foreign.status, path).toBe(404);
        expect(foreign.text.replaceAll(other, NOWHERE), path).toBe(unknown.text);
      }
      expect((await call(as, "GET", "/v2/models")).text).toBe(JSON.stringify({ models: [own] }));
      expect((await call(as, "POST", "/v2/repository/index", {})).text).not.toContain(other);
    }
    expect(JSON.parse((await call("root", "GET", "/v2/models")).text)).toEqual({
      models: ["crimson", "blue"],
    });
  });

  test("each sees its own things in lists, and those alone", async () => {
    const services = await json<{ services: { name: string }[] }>("rita", api("/services"));
    expect(services.services.map(({ name }) => name)).toEqual(["crimson"]);
    const projects = await json<{ projects: { name: string }[] }>("ben", api("/projects"));
    expect(projects.projects.map(({ name }) => name)).toEqual(["blue"]);
    const runs = await json<{ pipelineRuns: { project: string }[] }>("rita", api("/pipeline-runs"));
    expect(runs.pipelineRuns.map(({ project }) => project)).toEqual(["crimson"]);
    const rollouts = await json<{ rollouts: { model: string }[] }>("ben", api("/rollouts"));
    expect(rollouts.rollouts.map(({ model }) => model)).toEqual(["blue"]);
    for (const path of ["/services", "/projects", "/pipeline-runs", "/rollouts"])
      expect((await call("root", "GET", api(path))).text, path).not.toMatch(/crimson|blue/);
    const history = await json<{ entries: { run: { experimentName: string } }[] }>(
      "rita",
      api("/models/crimson/history"),
    );
    expect(history.entries[0]?.run.experimentName).toBe("crimson");
  });

  test("what isn't one's own answers as what isn't there", async () => {
    const [run] = (await json<{ pipelineRuns: { id: string }[] }>("rita", api("/pipeline-runs")))
      .pipelineRuns;
    const [rollout] = (await json<{ rollouts: { id: string }[] }>("rita", api("/rollouts"))).rollouts;
    await call("rita", "POST", "/v2/models/crimson/infer", SUMMANDS, {
      "x-slipway-request-id": "reds-request",
    });
    const reds = { NAME: "crimson", RUN: run?.id ?? "", ROLLOUT: rollout?.id ?? "", REQUEST: "reds-request" };
    const none = { NAME: NOWHERE, RUN: "pr-nowhere", ROLLOUT: "ro-nowhere", REQUEST: "nobodys-request" };
    const at = (path: string, ids: Record<string, string>): string =>
      Object.entries(ids).reduce((text, [key, id]) => text.replaceAll(key, id), path);
    const calls: [string, string, unknown?][] = [
      ["GET", "/projects/NAME"],
      ["POST", "/projects/NAME/pipeline-runs", {}],
      ["GET", "/pipeline-runs?project=NAME"],
      ["GET", "/pipeline-runs/RUN"],
      ["POST", "/pipeline-runs/RUN/cancel"],
      ["GET", "/pipeline-runs/RUN/logs"],
      ["GET", "/services/NAME"],
      ["POST", "/services/NAME/rollback", { reason: "x" }],
      ["POST", "/services/NAME/promote", {}],
      ["POST", "/services/NAME/labels", { labels: [{ id: "reds-request", label: 1 }] }],
      ["GET", "/services/NAME/example"],
      ["GET", "/services/NAME/evidence"],
      ["GET", "/services/NAME/evidence/stream"],
      ["GET", "/services/NAME/logs"],
      ["GET", "/services/NAME/predictions"],
      ["GET", "/services/NAME/predictions/files"],
      ["POST", "/services/NAME/predictions/files"],
      ["GET", "/services/NAME/predictions/files/2026-01-01/x.parquet"],
      ["GET", "/rollouts?model=NAME"],
      ["GET", "/rollouts/ROLLOUT"],
      ["GET", "/rollouts/ROLLOUT/evidence"],
      ["GET", "/models/NAME/history"],
      ["GET", "/events?subject=service/NAME"],
      ["GET", "/events?subject=project/NAME"],
      ["GET", "/events?subject=version/NAME/1"],
      ["GET", "/events?subject=rollout/ROLLOUT"],
      ["GET", "/events?subject=pipeline-run/RUN"],
      ["GET", "/events?subject=step/RUN/upload"],
      ["GET", "/why/service/NAME"],
      ["GET", "/why/version/NAME/1"],
      ["GET", "/why/run/RUN"],
      ["GET", "/why/rollout/ROLLOUT"],
      ["GET", "/why/request/REQUEST"],
    ];
    for (const [method, path, body] of calls) {
      const foreign = await call("ben", method, api(at(path, reds)), body);
      const unknown = await call("ben", method, api(at(path, none)), body);
      const renamed = Object.entries(reds).reduce(
        (text, [key, id]) => text.replaceAll(id, none[key as keyof typeof none]),
        foreign.text,
      );
      expect(foreign.status, `${method} ${path}: ${foreign.text}`).toBe(unknown.status);
      expect(plain(renamed), `${method} ${path}`).toBe(plain(unknown.text));
    }
    // What was refused changed nothing, and its owner has it all.
    const service = await json<{ rollout: { state: string } }>("rita", api("/services/crimson"));
    expect(service.rollout.state).toBe("promoted");
    for (const path of ["/why/request/REQUEST", "/why/run/RUN", "/services/NAME/example"])
      expect((await call("rita", "GET", api(at(path, reds)))).status, path).toBe(200);
    const events = await json<{ events: unknown[] }>(
      "rita",
      api(at("/events?subject=rollout/ROLLOUT", reds)),
    );
    expect(events.events.length).toBeGreaterThan(0);
    // A tenant that isn't the caller's isn't there either.
    const asked = await call("ben", "GET", api("/services"), undefined, { "x-mlflow-workspace": "team-red" });
    expect(asked.status).toBe(404);
  });

  test("the command asks about the tenant that it is told", async () => {
    const slipway = (line: string, more: Record<string, string> = {}) =>
      command(line.split(" "), {
        env: { SLIPWAY_URL: platform.url, SLIPWAY_TOKEN: tokens["root"] ?? "", ...more },
      });
    expect((await slipway("status --tenant team-red")).out).toContain("crimson");
    expect((await slipway("runs", { SLIPWAY_TENANT: "team-blue" })).out).toContain("blue");
    expect((await slipway("status")).out).not.toMatch(/crimson|blue/);
    expect(await slipway("status crimson")).toMatchObject({ code: 5 });
    expect((await slipway("why service/crimson --tenant team-red")).code).toBe(0);
  });

  test("a repository is its tenant's, and a name is the platform's", async () => {
    const remote = async (as: string, name: string): Promise<string> =>
      (await git(data, "ls-remote", address(as, name))).output.replaceAll(tokens[as] ?? "", "");
    expect(await remote("rita", "crimson")).toContain("refs/heads/main");
    expect((await remote("ben", "crimson")).replaceAll("crimson", NOWHERE)).toBe(
      await remote("ben", NOWHERE),
    );
    expect(await push("ben", "crimson")).toContain("the name crimson is taken");
    expect(await push("ben", "other", "crimson")).toContain("the name crimson is taken");
    const environment = await remote("rita", "environment");
    expect(environment).not.toContain("refs/heads");
    const elsewhere = await git(
      data,
      "-c",
      "http.extraHeader=X-MLFLOW-WORKSPACE: team-red",
      "ls-remote",
      address("root", "crimson"),
    );
    expect(elsewhere.output).toContain("refs/heads/main");
  });

  test("models are registered in the tenant, and an alias set there asks for a rollout there", async () => {
    const get = "/api/2.0/mlflow/registered-models/get?name=crimson";
    expect(JSON.parse((await call("rita", "GET", get)).text)).toMatchObject({
      registered_model: { aliases: [{ alias: "champion", version: "1" }] },
    });
    expect((await call("ben", "GET", get)).status).toBe(404);
    expect((await call("root", "GET", get)).status).toBe(404);
    const alias = { name: "crimson", alias: "champion", version: "1" };
    const set = await call("rita", "POST", "/api/2.0/mlflow/registered-models/alias", alias);
    expect(set.headers.get("x-slipway-note")).toContain("is the champion of crimson already");
  });

  test("the environment repository takes no change of another tenant's service", async () => {
    const member = { name: "dora", password: "correct horse battery" };
    await call("root", "POST", api("/people"), member);
    await call("root", "PUT", api("/tenants/default/members/dora"), { role: "member" });
    const made = await call("root", "POST", api("/tokens"), { name: "test", person: "dora" });
    tokens["dora"] = (JSON.parse(made.text) as { token: string }).token;
    const clone = newFolder("environment");
    folders.push(clone);
    await git(clone, "clone", "--quiet", address("dora", "environment"), ".");
    await git(clone, "rm", "--quiet", "services/crimson.yaml");
    await git(clone, "commit", "--quiet", "-m", "take crimson away");
    expect((await git(clone, "push", "origin", "HEAD:main")).output).toContain(
      "this service belongs to a tenant that isn't yours",
    );
    expect((await call("dora", "GET", "/v2/models/crimson")).status).toBe(404);
  });

  test("a tenant with projects can't be deleted", async () => {
    const { status, text } = await call("root", "DELETE", api("/tenants/team-red"));
    expect(status).toBe(409);
    expect(text).toContain("TENANT_NOT_EMPTY");
  });
});

/** Without what differs from one moment to the next. */
function plain(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, "TIME");
}
