// Real control, serve and worker processes of a cluster, on loopback.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/base/clock.ts";
import { digestOf } from "../../src/http/credentials.ts";
import { adminToken } from "../../src/roles/cluster/internal-tokens.ts";
import { createAdminClient } from "../../src/serving/admin/client.ts";
import { servingControl, type ServingControl } from "../../src/serving/admin/serving-control.ts";
import { workerToken } from "../../src/tenancy/worker-tokens.ts";
import { linearSoftmax } from "./onnx.ts";
import { freshPostgres } from "./shared-postgres.ts";
import { startTestWorker, type TestWorker } from "./worker-process.ts";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const HOST = "127.0.0.1";
const INTERNAL = "internal-secret-of-a-test-platform-01";
export const ADMIN = "slipway_admin-token-of-a-platform-in-tests";

export interface Member {
  name: string;
  port: number;
  process: ChildProcess;
  log(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface ServeMember extends Member {
  url: string;
  adminPort: number;
  serving: ServingControl;
}

export interface TestCluster {
  controls: Member[];
  serves: ServeMember[];
  pods: { worker: TestWorker; endpoint: string }[];
  /** Folder of the artifacts' store. */
  artifacts: string;
  /** Starts a control of that name again, at its port and on its volume. */
  restart(name: string): Member;
  /** The one that says it leads. */
  leader(): Promise<Member>;
  close(): Promise<void>;
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** A role's process, with these variables only. */
export function startRole(role: string, name: string, port: number, env: Record<string, string>): Member {
  const child = spawn(process.execPath, [MAIN, `--role=${role}`], {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => (log += text));
  const exited = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  return { name, port, process: child, log: () => log, exited };
}

export async function startCluster(): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-cluster-"));
  const [store, ports] = await Promise.all([freshPostgres(), freePorts(10)]);
  const next = () => ports.pop() ?? 0;
  const controlPorts = [next(), next()];
  const serves = [0, 1].map(() => ({ port: next(), grpc: next(), admin: next() }));
  const shared = {
    SLIPWAY_HOST: HOST,
    SLIPWAY_INTERNAL_TOKEN: INTERNAL,
    SLIPWAY_ADMIN_TOKEN: ADMIN,
    TMPDIR: folder,
  };
  const control = (name: string, port: number): Member =>
    startRole("control", name, port, {
      ...shared,
      SLIPWAY_DATA: join(folder, name),
      SLIPWAY_IDENTITY: name,
      SLIPWAY_ADDRESS: `${HOST}:${port}`,
      SLIPWAY_PORT: String(port),
      SLIPWAY_STORE: store,
      SLIPWAY_ARTIFACTS: join(folder, "artifacts"),
      SLIPWAY_GIT_MIRROR: join(folder, "git-mirror"),
      SLIPWAY_SERVE: serves.map(({ admin }) => `${HOST}:${admin}`).join(","),
      SLIPWAY_PREDICTIONS: `${HOST}:${serves[0]?.port}`,
      SLIPWAY_URL: `http://${HOST}:${serves[0]?.port}`,
    });
  mkdirSync(join(folder, "artifacts"));
  const controls = controlPorts.map((port, index) => control(`control-${index}`, port));
  const serveMembers = serves.map((own, index): ServeMember => {
    const name = `serve-${index}`;
    const member = startRole("serve", name, own.port, {
      ...shared,
      SLIPWAY_DATA: join(folder, name),
      SLIPWAY_PORT: String(own.port),
      SLIPWAY_GRPC_PORT: String(own.grpc),
      SLIPWAY_ADMIN_PORT: String(own.admin),
      // As a name that stands for every control pod would: each of them may be the one that is reached.
      SLIPWAY_CONTROL: controlPorts.map((_, at) => `${HOST}:${controlPorts[(index + at) % 2]}`).join(","),
    });
    const address = { host: HOST, port: own.admin, token: adminToken(INTERNAL) };
    const serving = servingControl(createAdminClient({ address, clock: systemClock, patienceMs: 20_000 }));
    return { ...member, url: `http://${HOST}:${own.port}`, adminPort: own.admin, serving };
  });
  const pods = await Promise.all(
    [next(), next()].map(async (port) => {
      const tokenSha256 = digestOf(workerToken(INTERNAL, "default"));
      const worker = await startTestWorker(
        { "model.onnx": linearSoftmax() },
        { port: { host: HOST, port, tokenSha256 } },
      );
      return { worker, endpoint: `${HOST}:${port}` };
    }),
  );
  const all = [...controls, ...serveMembers];
  return {
    controls,
    serves: serveMembers,
    pods,
    artifacts: join(folder, "artifacts"),
    restart(name) {
      const index = controls.findIndex((one) => one.name === name);
      const member = control(name, controlPorts[index] ?? 0);
      controls[index] = member;
      all.push(member);
      return member;
    },
    async leader() {
      for (const until = Date.now() + 60_000; Date.now() < until; await systemClock.sleep(50)) {
        const ready = controls.filter(({ process, log }) => process.exitCode === null && isLeading(log()));
        if (ready.length === 1) return ready[0] as Member;
      }
      throw new Error(`nobody leads:\n${controls.map(({ log }) => log()).join("\n")}`);
    },
    async close() {
      for (const { serving } of serveMembers) serving.close();
      for (const member of all) member.process.kill("SIGKILL");
      await Promise.all([...all.map(({ exited }) => exited), ...pods.map(({ worker }) => worker.remove())]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isLeading(log: string): boolean {
  return log.includes("is ready, epoch");
}

export interface Answered {
  status: number;
  body: string;
}

/** One call with the admin's token; status 0 when there was no answer. */
export async function call(url: string, path: string, body?: unknown, token = ADMIN): Promise<Answered> {
  try {
    const answer = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    return { status: 0, body: String((error as Error).cause ?? error) };
  }
}
