import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { linearSoftmax, lookUp, twoInputs } from "../support/onnx.ts";
import { git, newFolder } from "./platform.ts";

/** Files by path. */
export type Files = Record<string, string | Uint8Array>;

/** The only step of these projects: uploads what the commit holds below model/, in the way of MLflow's client. */
const UPLOAD = `import { readFileSync, readdirSync } from "node:fs";
const { MLFLOW_TRACKING_URI: server, MLFLOW_RUN_ID: id, MLFLOW_TRACKING_TOKEN: token } = process.env;
const headers = token ? { authorization: "Bearer " + token } : {};
const { run } = await (await fetch(server + "/api/2.0/mlflow/runs/get?run_id=" + id, { headers })).json();
const folder = run.info.artifact_uri.replace(/^mlflow-artifacts:\\/+/, "");
for (const name of readdirSync("model")) {
  const url = server + "/api/2.0/mlflow-artifacts/artifacts/" + folder + "/model/" + name;
  const answer = await fetch(url, { method: "PUT", headers, body: readFileSync("model/" + name) });
  if (!answer.ok) throw new Error(answer.status + " " + (await answer.text()));
}
`;

/** A project whose model is committed beside its one step, so that a push takes no training. */
export function modelProject(name: string, model: Files, more = ""): Files {
  const files: Files = {
    "slipway.yaml": `apiVersion: slipway/v1
kind: Project
name: ${name}
pipeline: { steps: [{ name: upload, run: node upload.mjs }] }
model: { name: ${name} }
${more}`,
    "upload.mjs": UPLOAD,
  };
  for (const [path, content] of Object.entries(model)) files[`model/${path}`] = content;
  return files;
}

/** A contract: one request with the answer that the model gave to it. */
export function contract(inputs: readonly object[], outputs: readonly object[]): string {
  return JSON.stringify({ request: { inputs }, response: { outputs } });
}

const fp32 = (name: string, shape: number[], data: number[]) => ({ name, shape, datatype: "FP32", data });

/** `a` and `b`, FP32 [n, 2] each, to their `sum`. */
export const ADDER: Files = {
  "model.onnx": twoInputs(),
  "contract.json": contract(
    [fp32("a", [1, 2], [1, 2]), fp32("b", [1, 2], [10, 20])],
    [fp32("sum", [1, 2], [11, 22])],
  ),
};

/** `index`, INT64 [n], to ten times itself; fails beyond 9. */
export const TABLE: Files = {
  "model.onnx": lookUp(),
  "contract.json": contract(
    [{ name: "index", shape: [1], datatype: "INT64", data: [3] }],
    [fp32("value", [1], [30])],
  ),
};

/** A contract that asks for other inputs than its model takes. */
export const STRANGER: Files = {
  "model.onnx": linearSoftmax(),
  "contract.json": ADDER["contract.json"] ?? "",
};

/** Commits the files in a new work tree; answers its folder. */
export async function workTree(files: Files): Promise<string> {
  const folder = newFolder("project");
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  await git(folder, "init", "--quiet", "--initial-branch=main");
  await git(folder, "add", "-A");
  await git(folder, "commit", "--quiet", "-m", "first");
  return folder;
}
