import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";

/** A real MLflow server to compare with: SQLite, artifacts proxied, everything in a folder of its own. */
export interface MlflowServer {
  url: string;
  close(): Promise<void>;
}

/** Within this the server has said its address, or it can't start here. */
const START_MS = 100_000;

/** Starts it, or says in one line why it can't. */
export async function startMlflowServer(): Promise<MlflowServer | string> {
  const folder = await mkdtemp(join(tmpdir(), "mlflow-server-"));
  try {
    const python = (ensurePython as () => string)();
    const script = fileURLToPath(new URL("../python/mlflow_server.py", import.meta.url));
    const template = join(python, "..", "..", "mlflow-empty.db");
    const child = spawn(python, [script, folder, template], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { PATH: "/usr/bin:/bin", HOME: folder, MLFLOW_DISABLE_TELEMETRY: "true", DO_NOT_TRACK: "true" },
    });
    const ended = once(child, "exit");
    const close = async (): Promise<void> => {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    };
    const signal = AbortSignal.timeout(START_MS);
    const line = once(createInterface(child.stdout), "line", { signal }) as Promise<[string]>;
    const url = await Promise.race([line.then(([text]) => text), ended.then(() => undefined)]).catch(
      () => undefined,
    );
    if (url !== undefined) return { url, close };
    await close();
    return "the MLflow server ended at once, or said nothing in time";
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return error instanceof Error ? error.message : String(error);
  }
}
