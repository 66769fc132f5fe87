// Starts one process of the platform by itself, as the supervisor does, to see what it costs alone.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist");

function config(dataDir) {
  return {
    dataDir,
    runDir: join(dataDir, "run"),
    host: "127.0.0.1",
    port: 0,
    allowedHosts: [],
    tokenSha256: null,
    version: "bench",
    mainFile: join(dist, "main.js"),
    writerFile: join(dist, "writer-thread.js"),
    stepEnv: { PATH: process.env.PATH },
    storeFile: join(dataDir, "slipway.db"),
    artifactRoot: "mlflow-artifacts:/",
    artifactsDir: join(dataDir, "artifacts"),
    artifacts: { isDirect: true, maxBytes: 2 ** 40, downloadSeconds: 300 },
    signIn: { isRequired: false },
    internalToken: "bench",
    webhooks: { schemes: ["https"], allowPrivate: false, timeoutMs: 30_000, maxRetries: 3, workers: 10 },
  };
}

/** Milliseconds from spawning `role` (`serve`, `control` or `worker`, with its model's folder) to its "ready". */
export async function startOfRole(role, modelDir) {
  const dataDir = mkdtempSync(join(tmpdir(), "slipway-bench-role-"));
  for (const name of ["run", "serve", "logs"]) mkdirSync(join(dataDir, name));
  const worker = {
    id: "bench",
    socketPath: join(dataDir, "run", "w-bench.sock"),
    service: "digits",
    version: 1,
    modelDir,
    maxFrameBytes: 1024 * 1024,
  };
  const started = performance.now();
  const child = spawn(process.execPath, [join(dist, "main.js"), "__role", role], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    cwd: dataDir,
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.send({ type: "start", config: config(dataDir), ...(role === "worker" ? { worker } : {}) });
  try {
    await new Promise((resolve, reject) => {
      child.on("message", (message) => message.type === "ready" && resolve());
      child.once("exit", (code) => reject(new Error(`${role} ended with ${code} before it was ready`)));
    });
    return performance.now() - started;
  } finally {
    child.send({ type: "stop" }, () => undefined);
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  }
}
