import { get, post } from "./calls.ts";
import type { Call } from "./pair.ts";

const folder = "/tmp/slipway-that-nobody-makes";
const model = { name: "L" };

/** Files in the clients' own file system: nothing of this is ever opened by a server. */
const local: Call[] = [
  post("experiments/create", { name: "local", artifact_location: `file://${folder}` }, { as: "e" }),
  get("experiments/get", { experiment_id: "$e" }),
  post("runs/create", { experiment_id: "$e", run_name: "r", start_time: 1 }, { as: "r" }),
  get("runs/get", { run_id: "$r" }),
  post("logged-models", { experiment_id: "$e", name: "lm", source_run_id: "$r" }, { as: "m" }),
  get("logged-models/$m"),
  post("experiments/create", { name: "plain", artifact_location: `${folder}/p` }, { as: "p" }),
  get("experiments/get", { experiment_id: "$p" }),
  post("runs/create", { experiment_id: "$p", run_name: "q", start_time: 1 }, { as: "q" }),
  ...[`${folder}#a`, `${folder};a`].map((artifact_location) =>
    post("experiments/create", { name: "no", artifact_location }, { ownWords: true }),
  ),
  post("registered-models/create", model),
  ...[
    { source: `file://${folder}/$r/artifacts`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/model`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/.`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/model/..`, run_id: "$r" },
    { source: `${folder}/$r/artifacts/a%20b`, run_id: "$r" },
    { source: `${folder}/p/$q/artifacts`, run_id: "$q" },
    { source: `file://localhost${folder}/p/$q/artifacts/x`, run_id: "$q" },
    { source: `file://${folder}/models/$m/artifacts`, model_id: "$m" },
    { source: "models:/$m", model_id: "$m" },
    { source: `file://${folder}/$r/artifacts` },
    { source: `file://${folder}/$r/artifacts/..`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/%2e%2e/x`, run_id: "$r" },
    { source: `file://${folder}/$r/artifactsx`, run_id: "$r" },
    { source: `${folder}/$r/artifacts`, run_id: "$q" },
    { source: `${folder}/$r/artifacts`, run_id: "0123456789abcdef0123456789abcdef" },
    { source: "/tmp", run_id: "$r" },
    { source: "/", run_id: "$r" },
    { source: "file:///etc", model_id: "$m" },
    { source: `mlflow-artifacts:/$e/$r/artifacts`, run_id: "$r" },
  ].map((fields) => post("model-versions/create", { ...model, ...fields })),
  post("model-versions/create", { ...model, source: "file://10.1.2.3/x", run_id: "$r" }, { ownWords: true }),
  get("model-versions/get-download-uri", { ...model, version: "2" }),
];

/** Further things that MLflow's server has a rule for. */
export const moreCases: Readonly<Record<string, Call[]>> = { local };
