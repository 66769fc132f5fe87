// A server as child processes: started, waited for, measured, ended with everything below it.
import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { processTree, pssMegabytes } from "./platform.mjs";

const START_MS = 180_000;

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts a server and waits until `/health` answers; milliseconds are counted from the spawn. */
export async function startServer({ command, args, cwd, env, port, logFile, health = "/health" }) {
  const started = performance.now();
  const log = openSync(logFile, "a");
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", log, log], detached: true });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const gone = new Promise((_, reject) =>
    child
      .once("error", reject)
      .once("exit", (code) => reject(new Error(`ended with ${code}: ${tail(logFile)}`))),
  );
  gone.catch(() => undefined);
  const stop = async () => {
    const pids = processTree(child.pid);
    signal(-child.pid, "SIGTERM");
    const ended = await Promise.race([exited.then(() => true), sleep(10_000, false, { ref: false })]);
    for (const pid of ended ? pids : [child.pid, ...pids]) signal(pid, "SIGKILL");
  };
  try {
    await Promise.race([gone, answers(`http://127.0.0.1:${port}${health}`)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, startMs: performance.now() - started, pids: () => processTree(child.pid), stop };
}

/** What has ended already needs no signal. */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

async function answers(url) {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      if (answer.ok) return;
    } catch {
      // Not yet.
    }
    await sleep(10);
  }
  throw new Error(`no answer from ${url} within ${START_MS / 1000} s`);
}

function tail(file) {
  return readFileSync(file, "utf8").trim().split("\n").slice(-3).join(" | ");
}

/** Megabytes of all processes: RSS counts shared pages once per process, PSS once. `pss` is null where it can't be read. */
export function memoryOf(pids) {
  let rss = 0;
  let pss = 0;
  for (const pid of pids) {
    try {
      rss += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
      pss = pss === null ? null : pss + pssMegabytes(pid);
    } catch (error) {
      if (error.code === "EACCES") pss = null;
    }
  }
  return { processes: pids.length, rss, pss };
}
