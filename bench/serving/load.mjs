// One measured load on a server, closed or open loop, by a client in a process of its own.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuSeconds } from "../lib/platform.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** So many connections, each sending its next request when it has its answer. */
export function closedLoop(server, { bodyFile, connections, seconds }) {
  return measured(server, [
    here("../lib/closed-loop.mjs"),
    server.port,
    server.path,
    bodyFile,
    connections,
    seconds,
  ]);
}

/** So many requests a second, whatever the server does; a latency begins when its request was due. */
export function openLoop(server, { bodyFile, rate, seconds }) {
  return measured(server, [here("open-loop.mjs"), server.port, server.path, bodyFile, rate, seconds]);
}

/** CPU of the server's processes is read when the client says that it begins and ends. */
async function measured(server, args) {
  const client = spawn(process.execPath, args.map(String), { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  client.stderr.on("data", (chunk) => (errors += chunk));
  const pids = server.pids();
  const cpu = () => pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  let before = 0;
  let after = 0;
  for await (const line of createInterface({ input: client.stdout })) {
    const said = JSON.parse(line);
    if (said.measuring === true) before = cpu();
    else if (said.measuring === false) after = cpu();
    else return withCpu(said, after - before);
  }
  const reason = errors.split("\n").find((line) => /Error/.test(line));
  return { notRun: reason?.trim() ?? "the client ended without a result" };
}

function withCpu(said, seconds) {
  if (said.count === 0) return { notRun: "no answer" };
  const micros = (value) => (value / said.count) * 1e6;
  return { ...said, serverCpuMicros: micros(seconds), clientCpuMicros: micros(said.clientCpu) };
}

function cpuOf(pid) {
  try {
    return cpuSeconds(pid);
  } catch {
    // A process that has ended meanwhile.
    return 0;
  }
}

/** The body of so many rows in a server's format, in a file. */
export function writeBody(folder, { format, input = "x" }, rows) {
  const file = join(folder, `${format}-${input}-${rows.length}.json`);
  const shape = [rows.length, rows[0].length];
  const body =
    format === "invocations"
      ? { inputs: rows }
      : { inputs: [{ name: input, shape, datatype: "FP32", data: rows.flat() }] };
  writeFileSync(file, JSON.stringify(body));
  return file;
}
