// The platform under demonstration: `slipway up` in a process of its own, known by what it prints and answers.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const SLIPWAY = fileURLToPath(new URL("../bin/slipway", import.meta.url));
const STARTED_WITHIN_MS = 20_000;
const ENDED_WITHIN_MS = 12_000;

export class Platform {
  #child;

  /**
   * Resolves when it is ready: its first line says where it is. It writes into files in `logDir`, not into
   * pipes of ours, so that it can outlive the demo.
   */
  static async start({ dataDir, logDir, cwd }) {
    const platform = new Platform();
    const args = [SLIPWAY, "up", "--port", "0", "--json", "--data", dataDir];
    const files = ["platform.json", "platform.log"].map((name) => join(logDir, name));
    const [out, err] = files.map((file) => openSync(file, "w"));
    // In a process group of its own: Ctrl-C ends the demo, and the demo ends the platform.
    platform.#child = spawn(process.execPath, args, { cwd, stdio: ["ignore", out, err], detached: true });
    closeSync(out);
    closeSync(err);
    const first = JSON.parse(await firstLine(platform.#child, files));
    if (first.url === undefined) throw new Error(`slipway up: ${first.error?.message ?? "no address"}`);
    Object.assign(platform, first);
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

async function firstLine(child, [out, err]) {
  const deadline = Date.now() + STARTED_WITHIN_MS;
  for (;;) {
    const text = readFileSync(out, "utf8");
    if (text.includes("\n")) return text.split("\n")[0];
    const said = readFileSync(err, "utf8").trim().slice(-1_000);
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`slipway up ended (${child.signalCode ?? `exit code ${child.exitCode}`}): ${said}`);
    }
    if (Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`slipway up was not ready within ${STARTED_WITHIN_MS / 1000} s: ${said}`);
    }
    await sleep(20);
  }
}
