// The platform under demonstration: `slipway up` in a process of its own, known by what it prints and answers.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const SLIPWAY = fileURLToPath(new URL("../bin/slipway", import.meta.url));
const STARTED_WITHIN_MS = 20_000;
const ENDED_WITHIN_MS = 12_000;

export class Platform {
  #child;

  /** Resolves when it is ready: its first line says where it is. `logFile` gets what it prints after that. */
  static async start({ dataDir, logFile, cwd }) {
    const platform = new Platform();
    const args = [SLIPWAY, "up", "--port", "0", "--json", "--data", dataDir];
    // In a process group of its own: Ctrl-C ends the demo, and the demo ends the platform.
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"], detached: true });
    platform.#child = child;
    const log = createWriteStream(logFile);
    child.stderr.pipe(log, { end: false });
    const line = await firstLine(child, logFile);
    child.stdout.pipe(log, { end: false });
    Object.assign(platform, JSON.parse(line));
    return platform;
  }

  /** The JSON answer of the platform's API; an error names the call. */
  async get(path) {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  /** Lets the demo end and the platform go on. */
  letGo() {
    this.#child.unref();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), ENDED_WITHIN_MS);
    await exited;
    clearTimeout(late);
  }
}

function firstLine(child, logFile) {
  return new Promise((resolve, reject) => {
    let text = "";
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`slipway up was not ready within ${STARTED_WITHIN_MS / 1000} s; see ${logFile}`));
    }, STARTED_WITHIN_MS);
    const onData = (chunk) => {
      text += chunk;
      if (!text.includes("\n")) return;
      clearTimeout(late);
      child.stdout.off("data", onData);
      resolve(text.split("\n")[0]);
    };
    child.stdout.on("data", onData);
    child.once("exit", (code, signal) => {
      clearTimeout(late);
      reject(new Error(`slipway up ended (${signal ?? `exit code ${code}`}); see ${logFile}`));
    });
  });
}
