// MLServer with its scikit-learn runtime, in the environment that the serving benchmark keeps for it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environment, run, versions } from "../../bench/serving/environments.mjs";
import { freePort, startServer } from "../../bench/lib/server-process.mjs";

const MODELS = fileURLToPath(new URL("mlserver_models.py", import.meta.url));

/** @param {string} folder an empty one of its own */
export async function startMlserver(folder) {
  const bin = environment("mlserver");
  run(join(bin, "python"), [MODELS, folder]);
  const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const settings = { host: "127.0.0.1", http_port: port, grpc_port: grpc, metrics_port: metrics };
  writeFileSync(join(folder, "settings.json"), JSON.stringify({ ...settings, parallel_workers: 0 }));
  const server = await startServer({
    command: join(bin, "mlserver"),
    args: ["start", folder],
    cwd: folder,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, PYTHONPATH: folder },
    port,
    logFile: join(folder, "mlserver.log"),
    health: "/v2/models/iris/ready",
  });
  return {
    ...server,
    url: `http://127.0.0.1:${port}`,
    grpcUrl: `127.0.0.1:${grpc}`,
    name: `MLServer ${versions(bin, ["mlserver"]).split(" ")[1]}`,
  };
}
