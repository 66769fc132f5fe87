// MLServer with its scikit-learn runtime: one model, no worker pool of its own, no batching (its defaults for one model).
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startServer } from "../../lib/server-process.mjs";
import { environment, versions } from "../environments.mjs";

export const mlserver = {
  name: "mlserver",
  async version() {
    return versions(environment("mlserver"), ["mlserver", "mlserver-sklearn", "scikit-learn"]);
  },
  async start({ models, model, folder }) {
    const own = join(folder, "mlserver");
    mkdirSync(own, { recursive: true });
    const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
    const settings = { host: "127.0.0.1", http_port: port, grpc_port: grpc, metrics_port: metrics };
    writeFileSync(join(own, "settings.json"), JSON.stringify({ ...settings, parallel_workers: 0 }));
    copyFileSync(join(models, model, "model.joblib"), join(own, "model.joblib"));
    const declared = {
      name: "iris",
      implementation: "mlserver_sklearn.SKLearnModel",
      parameters: { uri: "./model.joblib" },
    };
    writeFileSync(join(own, "model-settings.json"), JSON.stringify(declared));
    const server = await startServer({
      command: join(environment("mlserver"), "mlserver"),
      args: ["start", own],
      cwd: own,
      env: { ...process.env, PATH: `${environment("mlserver")}:${process.env.PATH}` },
      port,
      logFile: join(own, "mlserver.log"),
      health: "/v2/models/iris/ready",
    });
    return { ...server, path: "/v2/models/iris/infer", format: "v2" };
  },
};
