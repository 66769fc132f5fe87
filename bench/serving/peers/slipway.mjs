// This platform as it is used: the model comes by a push, is registered, checked and served with everything switched on.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, isFresh } from "../../../tools/build.mjs";
import { processTree, startPlatform } from "../../lib/platform.mjs";
import { run } from "../../lib/project.mjs";

const AUTHOR = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
const ROOT = new URL("../../../", import.meta.url);
const spec = `apiVersion: slipway/v1
kind: Project
name: iris
environment: { node: package.json }
pipeline:
  steps:
    - { name: train, run: node train.mjs, inputs: [train.mjs, trained] }
model:
  name: iris
serving:
  protocol: [v1, v2]
  scale: { min: 1 }
  timeout: 60s
  compile: never
`;

/** Logs the files as MLflow's client would. */
const TRAINING = `import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
const { MLFLOW_TRACKING_URI: url, MLFLOW_RUN_ID: id } = process.env;
const { run } = await (await fetch(url + "/api/2.0/mlflow/runs/get?run_id=" + id)).json();
const root = url + "/api/2.0/mlflow-artifacts/artifacts" + new URL(run.info.artifact_uri).pathname + "/model/";
for (const name of readdirSync("trained", { recursive: true })) {
  const file = join("trained", name);
  if (!statSync(file).isFile()) continue;
  const answer = await fetch(root + name, { method: "PUT", body: readFileSync(file) });
  if (!answer.ok) throw new Error(name + ": " + answer.status + " " + (await answer.text()));
}
`;

/** A project whose training is a copy: what is measured is the serving. */
function writeProject(work, source) {
  mkdirSync(work, { recursive: true });
  cpSync(source, join(work, "trained"), { recursive: true });
  writeFileSync(join(work, "slipway.yaml"), spec);
  writeFileSync(join(work, "package.json"), '{ "name": "iris", "private": true, "type": "module" }\n');
  writeFileSync(join(work, "train.mjs"), TRAINING);
}

function platformPeer(name, sourceOf, prepare = () => undefined) {
  return {
    name,
    async version() {
      const { version } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8"));
      return `slipway ${version}, ids, outcomes, validation, metrics and prediction log on`;
    },
    async start({ models, model, folder }) {
      if (!isFresh()) await build();
      const work = join(folder, `${name}-project`);
      writeProject(work, sourceOf(models, model));
      await prepare(work, models, model);
      await run("git", ["init", "--quiet", "-b", "main"], { cwd: work });
      await run("git", ["add", "-A"], { cwd: work });
      await run("git", [...AUTHOR, "commit", "--quiet", "-m", "Iris"], { cwd: work });
      const platform = await startPlatform();
      try {
        const said = await run("git", ["push", `${platform.gitUrl}/iris.git`, "main"], { cwd: work });
        const answer = await fetch(`${platform.url}/v2/models/iris/ready`);
        if (!answer.ok) throw new Error(`the model isn't served: ${answer.status} ${said}`);
      } catch (error) {
        await platform.stop();
        throw error;
      }
      return {
        port: Number(new URL(platform.url).port),
        startMs: platform.readyMs,
        pids: () => processTree(platform.pid),
        stop: () => platform.stop(),
        path: "/v2/models/iris/infer",
        format: "v2",
        url: platform.url,
      };
    },
  };
}

export const slipway = platformPeer("slipway", (models, model) => join(models, model, "onnx"));
/** The same model as scikit-learn, in a Python worker: what it becomes as ONNX is the line above. */
export const slipwayPython = platformPeer("slipway-python", (models, model) => join(models, model, "mlflow"));
