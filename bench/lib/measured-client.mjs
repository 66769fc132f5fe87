// A load's client in a process of its own, and the CPU that a server's processes used while it measured.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { cpuSeconds } from "./platform.mjs";

/**
 * Runs the client to its end: it says `{"measuring": true}` and `{"measuring": false}`, then its result, a line each.
 * @param {{pids(): number[]}} server
 * @param {string[]} args program and arguments
 * @returns {Promise<{notRun: string} | {said: object, serverCpu: number}>} seconds of CPU
 */
export async function runMeasured(server, args) {
  const client = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise((resolve) => client.once("close", resolve));
  let errors = "";
  client.stderr.on("data", (chunk) => (errors += chunk));
  const pids = server.pids();
  const cpu = () => pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  let before = 0;
  let after = 0;
  let result;
  for await (const line of createInterface({ input: client.stdout })) {
    const said = JSON.parse(line);
    if (said.measuring === true) before = cpu();
    else if (said.measuring === false) after = cpu();
    else result = said;
  }
  await exited;
  if (result !== undefined) return { said: result, serverCpu: after - before };
  const reason = errors.split("\n").find((line) => /Error/.test(line));
  return { notRun: (reason ?? "the client ended without a result").trim() };
}

/** What a client said, with the CPU of server and client in microseconds a request. */
export function withCpu(said, serverCpu) {
  const micros = (seconds) => (seconds / said.count) * 1e6;
  return { ...said, serverCpuMicros: micros(serverCpu), clientCpuMicros: micros(said.clientCpu) };
}

/** Of a process that has ended nothing is known any more, and it cost little. */
function cpuOf(pid) {
  try {
    return cpuSeconds(pid);
  } catch {
    return 0;
  }
}
