// `mlflow models serve` of the saved model, one worker, in the environment that the model was trained in.
import { join } from "node:path";
import { freePort, startServer } from "../../lib/server-process.mjs";
import { environment, versions } from "../environments.mjs";

export const mlflowServe = {
  name: "mlflow-serve",
  async version() {
    return versions(environment("fastapi"), ["mlflow", "scikit-learn"]);
  },
  async start({ models, model, folder }) {
    const port = await freePort();
    const bin = environment("fastapi");
    const source = join(models, model, "mlflow");
    const server = await startServer({
      command: join(bin, "mlflow"),
      args: ["models", "serve", "-m", source, "--env-manager", "local", "-p", String(port), "-w", "1"],
      cwd: folder,
      env: {
        ...process.env,
        PATH: `${bin}:${process.env.PATH}`,
        MLFLOW_DISABLE_TELEMETRY: "true",
        DO_NOT_TRACK: "true",
      },
      port,
      logFile: join(folder, "mlflow-serve.log"),
      health: "/ping",
    });
    return { ...server, path: "/invocations", format: "invocations" };
  },
};
