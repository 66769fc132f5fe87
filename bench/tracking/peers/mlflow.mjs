// The real `mlflow server` with one worker, as its documentation starts it on SQLite; telemetry off.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensurePython } from "../../../tools/python.mjs";
import { freePort, startServer } from "../../lib/server-process.mjs";
import { fillMlflow } from "./mlflow-fill.mjs";

let command;

export const mlflow = {
  name: "mlflow",
  durability: "SQLite as SQLAlchemy opens it: rollback journal, synchronous FULL; one commit per request",
  artifacts: true,
  registry: true,
  fill: fillMlflow,
  async install() {
    command = join(ensurePython(), "..", "mlflow");
    const said = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (said.status !== 0) throw new Error(`mlflow --version failed: ${said.stderr}`);
    return `mlflow ${said.stdout.trim().split(" ").at(-1)}`;
  },
  async start(folder) {
    const port = await freePort();
    return startServer({
      command,
      args: [
        "server",
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
        "--port",
        String(port),
        "--backend-store-uri",
        `sqlite:///${join(folder, "mlflow.db")}`,
        "--artifacts-destination",
        join(folder, "artifacts"),
      ],
      cwd: folder,
      env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: "true", DO_NOT_TRACK: "true" },
      port,
      logFile: join(folder, "mlflow.log"),
    });
  },
};
