// What most teams write themselves: FastAPI and uvicorn, one process, around the model or its ONNX.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, startServer } from "../../lib/server-process.mjs";
import { environment, versions } from "../environments.mjs";

const PROGRAM = fileURLToPath(new URL("../python/serve.py", import.meta.url));

function fastapi(kind, packages) {
  return {
    name: `fastapi-${kind}`,
    async version() {
      return versions(environment("fastapi"), ["fastapi", "uvicorn", ...packages]);
    },
    async start({ models, model, folder }) {
      const port = await freePort();
      const server = await startServer({
        command: join(environment("fastapi"), "python"),
        args: [PROGRAM, kind, join(models, model), String(port)],
        cwd: folder,
        env: process.env,
        port,
        logFile: join(folder, `fastapi-${kind}.log`),
      });
      return { ...server, path: "/v2/models/iris/infer", format: "v2" };
    },
  };
}

export const fastapiOnnx = fastapi("onnx", ["onnxruntime"]);
export const fastapiSklearn = fastapi("sklearn", ["scikit-learn"]);
