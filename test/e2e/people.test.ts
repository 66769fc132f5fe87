import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";
import { slipway as command } from "../cli/run.ts";
import { eventually, git, newFolder, processesOf, removeFolder, run, startPlatform } from "./platform.ts";
import type { TestPlatform } from "./platform.ts";

const PASSWORD = "correct horse battery";

/** A platform where every request needs a caller, managed by the real command. */
describe("slipway up --auth required", () => {
  const folder = newFolder("people");
  const dataDir = join(folder, "data");
  let platform: TestPlatform & { token?: string };
  const env = { XDG_CONFIG_HOME: join(folder, "config"), SLIPWAY_URL: "" };

  const slipway = (line: string, stdin = "", more: Record<string, string> = {}) =>
    command(line.split(" "), { stdin, env: { ...env, ...more } });
  async function ok(line: string, stdin = "", more: Record<string, string> = {}): Promise<string> {
    const ran = await slipway(line, stdin, more);
    expect(ran.code, `slipway ${line}: ${ran.err}${ran.out}`).toBe(0);
    return ran.out;
  }
  const status = async (path: string, token?: string): Promise<number> => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await fetch(`${platform.url}${path}`, { headers })).status;
  };

  beforeAll(async () => {
    platform = await startPlatform(dataDir, 0, {}, ["--auth", "required"]);
    env.SLIPWAY_URL = platform.url;
    await ok("login --token", platform.token ?? "");
    await Promise.all(["team-a", "team-b"].map((name) => ok(`tenant create ${name}`)));
    await ok("user create ana", PASSWORD);
    await ok("tenant grant team-a ana member");
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(folder);
  });

  test("nobody is let in by being on this machine", async () => {
    expect(await slipway("whoami", "", { XDG_CONFIG_HOME: join(folder, "other") })).toMatchObject({
      code: 4,
    });
    for (const path of ["/api/slipway/v1/services", "/v2/models", "/git/environment.git/HEAD"])
      expect(await status(path)).toBe(401);
  });

  test("a person signs in with a password, is somebody, and signs out", async () => {
    const other = { XDG_CONFIG_HOME: join(folder, "ana") };
    await ok("login --user ana", PASSWORD, other);
    expect(JSON.parse(await ok("whoami --json", "", other))).toMatchObject({
      name: "ana",
      platformAdmin: false,
      roles: { "team-a": "member" },
    });
    expect(await slipway("tenant create mine", "", other)).toMatchObject({ code: 4 });
    expect(await slipway("login --user ana", "wrong", other)).toMatchObject({ code: 4 });
    await ok("logout", "", other);
    expect(await slipway("whoami", "", other)).toMatchObject({ code: 4 });
  });

  test("a token for predictions is good for these alone, also when control is down, until it is revoked", async () => {
    const made = await ok("token create shop --tenant default --role viewer --scope predict --json");
    const { id, token } = JSON.parse(made) as { id: string; token: string };
    expect(await status("/v2/models", token)).toBe(200);
    expect(await status("/api/slipway/v1/services", token)).toBe(403);
    const control = processesOf(dataDir).find(({ role }) => role === "control");
    process.kill(control?.pid ?? 0, "SIGKILL");
    const serve = processesOf(dataDir).find(({ role }) => role === "serve");
    process.kill(serve?.pid ?? 0, "SIGKILL");
    await eventually("serve's answer", async () =>
      (await status("/v2/models", token)) === 200 ? true : undefined,
    );
    await eventually("control's answer", async () => ((await status("/health")) === 200 ? true : undefined));
    await ok(`token revoke ${id}`);
    expect(await status("/v2/models", token)).toBe(401);
  });

  test("git takes a token as password, where its caller may push", async () => {
    const { token } = JSON.parse(await ok("token create git --user ana --scope git --json")) as {
      token: string;
    };
    const address = `http://ana:${token}@${platform.url.slice("http://".length)}/git/environment.git`;
    expect((await git(folder, "ls-remote", address)).output).toContain("403");
    await ok("tenant grant default ana viewer");
    expect((await git(folder, "ls-remote", address)).code).toBe(0);
    const clone = join(folder, "clone");
    mkdirSync(clone);
    await git(clone, "init", "-q");
    await git(clone, "commit", "-q", "--allow-empty", "-m", "x");
    expect((await git(clone, "push", address.replace("environment", "mine"), "HEAD:main")).output).toContain(
      "403",
    );
  });

  test("the unchanged MLflow client signs in and works in its workspace", async () => {
    const python = (ensurePython as () => string)();
    const script = fileURLToPath(new URL("../python/mlflow_workspaces.py", import.meta.url));
    const { code, output } = await run(python, [script], {
      cwd: folder,
      env: {
        MLFLOW_TRACKING_URI: platform.url,
        MLFLOW_TRACKING_USERNAME: "ana",
        MLFLOW_TRACKING_PASSWORD: PASSWORD,
        MLFLOW_DISABLE_TELEMETRY: "true",
        // Few: its own bound for one request may pass on a busy machine.
        MLFLOW_HTTP_REQUEST_MAX_RETRIES: "2",
      },
    });
    expect(code, output).toBe(0);
    const seen = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(seen).toMatchObject({
      workspaces: ["default", "team-a"],
      artifacts: expect.stringMatching(/^mlflow-artifacts:\/workspaces\/team-a\//) as unknown,
      text: "hello",
      create: "PERMISSION_DENIED",
      get: "team-a",
      foreign: "RESOURCE_DOES_NOT_EXIST",
      nowhere: "RESOURCE_DOES_NOT_EXIST",
    });
  });

  test("who did what can be read afterwards", async () => {
    const out = await ok("audit --subject tenant/team-a --json");
    const { entries } = JSON.parse(out) as { entries: Record<string, unknown>[] };
    expect(entries.map(({ action, actor, address }) => `${actor} ${action} ${address}`)).toEqual([
      "platform PUT /api/slipway/v1/tenants/:tenant/members/:person 127.0.0.1",
      "platform POST /api/slipway/v1/tenants 127.0.0.1",
    ]);
  });
});
