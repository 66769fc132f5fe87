// A container of ours as a process of this machine: the same command with the same variables, on loopback.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface PodProcess {
  readonly child: ChildProcess;
  /** What it wrote so far. */
  output(): string;
  /** Resolves with its exit code, or the signal's name. */
  readonly ended: Promise<number | string | null>;
}

export function startPod(role: string, variables: Readonly<Record<string, string>>): PodProcess {
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...variables };
  const child = spawn(process.execPath, [MAIN, `--role=${role}`], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString("utf8")).slice(-65_536)));
  return {
    child,
    output: () => output,
    ended: new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code))),
  };
}

/** Ports that nobody listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise<void>((done) => server.listen(0, "127.0.0.1", done))),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
