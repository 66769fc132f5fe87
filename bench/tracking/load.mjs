// One measured load: the client's process, and the CPU that the server's processes used meanwhile.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuSeconds } from "../lib/platform.mjs";

const CLIENT = fileURLToPath(new URL("client.mjs", import.meta.url));
/** A slow server gets this long to answer once per connection. */
const MAX_SECONDS = 60;
/** Every load counts on from here, so that no two requests log the same point or name the same model. */
let counterFrom = 1_000_000_000;

/**
 * @param {object} server see servers.mjs
 * @param {object} job `{streams, kind?, pages?, maxRequests?}`: per connection a list of
 *   `{method, path, body | bodyBytes}`, sent in turn
 * @param {{connections: number, seconds: number, warmSeconds: number, folder: string}} how
 */
export async function load(server, job, { connections, seconds, warmSeconds, folder }) {
  const file = join(folder, "job.json");
  writeFileSync(
    file,
    JSON.stringify({
      ...job,
      port: server.port,
      connections,
      seconds,
      warmSeconds,
      counterFrom,
      maxSeconds: MAX_SECONDS,
    }),
  );
  const client = spawn(process.execPath, [CLIENT, file], { stdio: ["ignore", "pipe", "pipe"] });
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
  if (result === undefined) {
    const reason =
      errors.split("\n").find((line) => /Error/.test(line)) ?? "the client ended without a result";
    return { notRun: reason.trim() };
  }
  counterFrom = Math.max(counterFrom, result.counter) + 1_000;
  if (result.failed > 0) return { notRun: `${result.failed} of ${result.count} refused: ${result.failure}` };
  if (result.count === 0) return { notRun: `no answer within ${MAX_SECONDS} s` };
  return {
    ...result,
    serverCpuMicros: ((after - before) / result.count) * 1e6,
    clientCpuMicros: (result.clientCpu / result.count) * 1e6,
  };
}

/** Of a process that has ended nothing is known any more, and it cost little. */
function cpuOf(pid) {
  try {
    return cpuSeconds(pid);
  } catch {
    return 0;
  }
}
