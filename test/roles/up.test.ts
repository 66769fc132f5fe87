import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/serving-platform.ts";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

interface Up {
  process: ChildProcess;
  url: string;
  pid: number;
  token?: string;
  line: Record<string, unknown>;
}

let folder: string;
let dataDir: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-up-"));
  dataDir = join(folder, "data");
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [MAIN, "up", "--data", dataDir, "--json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...env },
  });
  running.push(child);
  return child;
}

async function up(args: string[] = ["--port", "0"]): Promise<Up> {
  const child = start(args);
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  if (child.stdout === null) throw new Error("no stdout");
  const first = await Promise.race([
    once(createInterface(child.stdout), "line").then(
      ([line]) => JSON.parse(line as string) as Record<string, unknown>,
    ),
    once(child, "exit").then(() => {
      throw new Error(`slipway up ended: ${errors}`);
    }),
  ]);
  return {
    process: child,
    url: String(first["url"]),
    pid: Number(first["pid"]),
    line: first,
    ...tokenOf(first),
  };
}

function tokenOf(line: Record<string, unknown>): { token?: string } {
  return typeof line["token"] === "string" ? { token: line["token"] } : {};
}

/** Starts a platform that must refuse to; answers its exit code and what it said. */
async function refused(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; text: string }> {
  const child = start(args, env);
  let text = "";
  for (const output of [child.stdout, child.stderr])
    output?.setEncoding("utf8").on("data", (part: string) => (text += part));
  const [code] = (await once(child, "close")) as [number];
  return { code, text };
}

async function children(): Promise<{ name: string; pid: number }[]> {
  return JSON.parse(await readFile(join(dataDir, "run", "children.json"), "utf8")) as {
    name: string;
    pid: number;
  }[];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("slipway up", () => {
  it("says where it is, answers there, and ends on SIGTERM with nothing left", async () => {
    const { process: child, url, pid, line } = await up();
    expect(line).toMatchObject({ gitUrl: `${url}/git`, dataDir, pid: child.pid });
    expect(line["grpcUrl"]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/v2/health/live`)).status).toBe(200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const own = await eventually("children", async () => {
      const found = await children().catch(() => []);
      return found.length >= 2 && found;
    });
    process.kill(pid, "SIGTERM");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    expect(own.filter((process) => isAlive(process.pid))).toEqual([]);
    expect(existsSync(join(dataDir, "lock"))).toBe(false);
  });

  it("refuses a folder that another one holds, and names its pid", async () => {
    const { pid } = await up();
    const { code, text } = await refused(["--port", "0"]);
    expect(code).not.toBe(0);
    expect(text).toContain("DATA_IN_USE");
    expect(text).toContain(String(pid));
  });

  it("takes over after kill -9, ends what was left even when it was stopped, and starts again", async () => {
    const first = await up();
    const left = await eventually("children", async () => {
      const found = await children().catch(() => []);
      return found.length >= 2 && found;
    });
    const stopped = left.find((child) => child.name === "control");
    if (stopped === undefined) throw new Error("no control");
    process.kill(stopped.pid, "SIGSTOP");
    process.kill(first.pid, "SIGKILL");
    await once(first.process, "exit");
    const serve = left.find((child) => child.name === "serve");
    await eventually("serve's end", () => serve !== undefined && !isAlive(serve.pid), 5_000);
    expect(isAlive(stopped.pid)).toBe(true);
    const second = await up();
    await eventually("the stopped one's end", () => !isAlive(stopped.pid), 5_000);
    expect((await fetch(`${second.url}/v2/health/live`)).status).toBe(200);
  });

  it("refuses a port in use and names it", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { code, text } = await refused(["--port", String(port)]);
    server.close();
    expect(code).not.toBe(0);
    expect(text).toContain("PORT_IN_USE");
    expect(text).toContain(String(port));
    expect(text).toContain("--port");
    expect(existsSync(join(dataDir, "lock"))).toBe(false);
  });

  it("refuses a folder that a newer Slipway wrote", async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, "version.json"), JSON.stringify({ format: 99, slipway: "9.0.0" }));
    const { code, text } = await refused(["--port", "0"]);
    expect(code).not.toBe(0);
    expect(text).toContain("DATA_NEWER");
    expect(text).toContain("9.0.0");
  });

  it("refuses to start without git", async () => {
    const { code, text } = await refused(["--port", "0"], { PATH: "/nonexistent" });
    expect(code).not.toBe(0);
    expect(text).toContain("GIT_MISSING");
    expect(text).not.toContain("    at ");
  });

  it("refuses a path that is a file", async () => {
    await writeFile(dataDir, "");
    const { text } = await refused(["--port", "0"]);
    expect(text).toContain("DATA_UNUSABLE");
  });

  it("asks for a token off loopback, shows it once and keeps its hash only", async () => {
    const first = await up(["--port", "0", "--host", "0.0.0.0"]);
    const token = first.token ?? "";
    const local = `http://127.0.0.1:${new URL(first.url).port}`;
    const status = async (path: string, authorization?: string) =>
      (await fetch(`${local}${path}`, authorization === undefined ? {} : { headers: { authorization } }))
        .status;
    const basic = `Basic ${Buffer.from(`anyone:${token}`).toString("base64")}`;
    for (const open of ["/v2/health/live", "/v2/health/ready", "/health", "/version"])
      expect(await status(open), open).toBe(200);
    for (const closed of [
      "/v2/models",
      "/v2",
      "/api/slipway/v1/info",
      "/git/environment.git/HEAD",
      "/metrics",
    ]) {
      expect(await status(closed), closed).toBe(401);
      expect(await status(closed, "Bearer wrong"), closed).toBe(401);
      expect(await status(closed, `Bearer ${token}`), closed).toBe(200);
      expect(await status(closed, basic), closed).toBe(200);
    }
    process.kill(first.pid, "SIGTERM");
    await once(first.process, "exit");
    for (const name of await readdir(dataDir))
      if (name.endsWith(".json")) expect(await readFile(join(dataDir, name), "utf8")).not.toContain(token);
    const second = await up(["--port", "0", "--host", "0.0.0.0"]);
    expect(second.token).toBeUndefined();
  });

  it("works in a folder whose path is too long for sockets", async () => {
    dataDir = join(folder, "long".repeat(30));
    const { url } = await up();
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});
