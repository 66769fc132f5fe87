// The S3-compatible server of the tests, with one bucket, for a benchmark.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureS3Server } from "../../tools/s3-server.mjs";

/** Starts it; `keys` are for the environment of whoever uses it. */
export async function startS3() {
  const program = ensureS3Server();
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-s3-"));
  for (const name of ["data/bench", "meta"]) mkdirSync(join(folder, name), { recursive: true });
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  const args = ["--port", `127.0.0.1:${port}`, "--health", "/health", "--quiet", "posix"];
  const child = spawn(program, [...args, "--sidecar", join(folder, "meta"), join(folder, "data")], {
    stdio: "ignore",
    env: { ...process.env, ROOT_ACCESS_KEY: "bench", ROOT_SECRET_KEY: "bench-secret" },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let left = 200; !(await fetch(`${endpoint}/health`).catch(() => undefined))?.ok; left--) {
    if (left === 0 || child.exitCode !== null) throw new Error("the S3 server doesn't start");
    await sleep(50);
  }
  return {
    endpoint,
    keys: { AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench-secret" },
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
