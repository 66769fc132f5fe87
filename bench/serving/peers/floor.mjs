// Bare node:http with ONNX Runtime in one process, no checks, no counting: what the machine can do.
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, startServer } from "../../lib/server-process.mjs";

export const floor = {
  name: "floor",
  async version() {
    const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json");
    return `node:http ${process.version}, onnxruntime-node ${version}, one thread`;
  },
  async start({ models, model, folder }) {
    const port = await freePort();
    const program = fileURLToPath(new URL("../../lib/floor-server.mjs", import.meta.url));
    const server = await startServer({
      command: process.execPath,
      args: [program, join(models, model, "onnx", "model.onnx"), String(port)],
      cwd: folder,
      env: process.env,
      port,
      logFile: join(folder, "floor.log"),
    });
    return { ...server, path: "/", format: "v2" };
  },
};
