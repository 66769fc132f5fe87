// Starts a platform of its own for a benchmark, in a folder that goes away with it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const command = join(root, "bin", "slipway");

/** Starts `slipway up` and resolves at its first line; milliseconds are counted from the spawn. */
export async function startPlatform(
  dataDir = mkdtempSync(join(tmpdir(), "slipway-bench-")),
  port = 0,
  { more = [], env = {} } = {},
) {
  const started = performance.now();
  const args = [command, "up", "--json", "--port", String(port), "--data", dataDir, ...more];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const first = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)));
    });
    child.once("exit", (code) => reject(new Error(`slipway up ended with ${code} before it was ready`)));
    setTimeout(() => reject(new Error("slipway up was not ready within 30 s")), 30_000).unref();
  });
  const readyMs = performance.now() - started;
  return {
    ...first,
    readyMs,
    dataDir,
    child,
    async stop() {
      child.kill("SIGTERM");
      await exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A process and all below it, by parent links (Linux). */
export function processTree(pid) {
  const children = new Map();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  const tree = [];
  const visit = (one) => {
    tree.push(one);
    for (const child of children.get(one) ?? []) visit(child);
  };
  visit(pid);
  return tree;
}

/** Proportional set size in MB: shared pages are counted once over all processes (Linux). */
export function pssMegabytes(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+)/m.exec(rollup)[1]) / 1024;
}

/** User and system CPU time of a process so far, in seconds (Linux). */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What a process is, from its command line: the last words. */
export function processName(pid) {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
  // A worker writes its name over its arguments.
  if (words[0]?.startsWith("slipway ")) return words[0].slice("slipway ".length).trim();
  const role = words.indexOf("__role");
  return role < 0 ? "supervisor" : words.slice(role + 1, role + 3).join(" ");
}
