// New versions of a served model without a training: the same network under another description, registered and put
// on trial the way any MLflow client does it.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const MLFLOW = "/api/2.0/mlflow";

async function call(platform, method, path, body) {
  const isBytes = body instanceof Uint8Array;
  const answer = await fetch(`${platform.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
    headers: { "content-type": isBytes ? "application/octet-stream" : "application/json" },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

/** ModelProto.doc_string (field 6, onnx.proto); a field that comes again replaces the one before. */
function described(model, text) {
  const bytes = Buffer.from(text);
  if (bytes.length > 127) throw new Error("one byte of length is enough here");
  return Buffer.concat([model, Buffer.from([0x32, bytes.length]), bytes]);
}

/** Registers the network in `folder` (model.onnx, contract.json) once more; answers its version. */
export async function registerEqual(platform, name, folder, note) {
  const { experiment_id: experiment } = (
    await call(platform, "GET", `${MLFLOW}/experiments/get-by-name?experiment_name=${name}`)
  ).experiment;
  const { run } = await call(platform, "POST", `${MLFLOW}/runs/create`, { experiment_id: experiment });
  const id = run.info.run_id;
  const root = `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${id}/artifacts/model`;
  await call(
    platform,
    "PUT",
    `${root}/model.onnx`,
    described(readFileSync(join(folder, "model.onnx")), note),
  );
  await call(platform, "PUT", `${root}/contract.json`, readFileSync(join(folder, "contract.json")));
  const made = await call(platform, "POST", `${MLFLOW}/model-versions/create`, {
    name,
    source: `${run.info.artifact_uri}/model`,
    run_id: id,
  });
  return Number(made.model_version.version);
}

/** Asks for the version by its alias, which begins a rollout. */
export async function askForChampion(platform, name, version) {
  await call(platform, "POST", `${MLFLOW}/registered-models/alias`, {
    name,
    alias: "champion",
    version: String(version),
  });
}
