"""Uses the unchanged mlflow client the way a training script does; prints one JSON object of what it saw."""

import json
import os
import sys
import tempfile

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

seen = {}
client = MlflowClient()
features, labels = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=500).fit(features, labels)

experiment = mlflow.set_experiment("exp1")
seen["experiment"] = [experiment.experiment_id, mlflow.set_experiment("exp1").experiment_id]

with mlflow.start_run(run_name="parent") as run:
    mlflow.log_param("a", 1)
    mlflow.log_params({"b": "two", "c": 3.5})
    mlflow.log_param("a", 1)
    try:
        mlflow.log_param("a", 2)
    except MlflowException as error:
        seen["changed_param"] = error.error_code
    for step in range(5):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"accuracy": 0.9, "nan": float("nan"), "inf": float("inf")})
    mlflow.set_tags({"team": "red", "stage": "dev"})
    mlflow.log_text("hello", "d/hello.txt")
    mlflow.log_dict({"k": [1, 2]}, "config.json")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ümlaut & space.bin")
        with open(path, "wb") as file:
            file.write(bytes(range(256)) * 1000)
        mlflow.log_artifact(path)
        open(os.path.join(folder, "empty"), "w").close()
        mlflow.log_artifacts(folder, "many")
    mlflow.log_input(mlflow.data.from_pandas(features, name="iris"), context="training")
    with mlflow.start_run(nested=True, run_name="child") as child:
        mlflow.log_metric("accuracy", 0.5)

got = client.get_run(run.info.run_id)
seen["params"] = got.data.params
seen["metrics"] = {key: repr(value) for key, value in got.data.metrics.items()}
seen["status"] = got.info.status
seen["name"] = got.info.run_name
seen["inputs"] = [(i.dataset.name, i.tags[0].value) for i in got.inputs.dataset_inputs]
seen["history"] = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")]
seen["files"] = sorted((f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run.info.run_id))
seen["below"] = [f.path for f in client.list_artifacts(run.info.run_id, "d")]
with open(client.download_artifacts(run.info.run_id, "ümlaut & space.bin"), "rb") as file:
    seen["binary"] = file.read() == bytes(range(256)) * 1000
folder = client.download_artifacts(run.info.run_id, "many")
seen["downloaded"] = sorted(os.listdir(folder))
seen["text"] = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/d/hello.txt")
seen["dict"] = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/config.json")

frame = mlflow.search_runs(
    experiment_names=["exp1"],
    filter_string="metrics.accuracy > 0.4 AND tags.`mlflow.runName` LIKE '%'",
    order_by=["metrics.accuracy DESC"],
)
seen["search"] = [list(frame["tags.mlflow.runName"]), list(frame["metrics.accuracy"])]
seen["children"] = [
    r.info.run_name
    for r in client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
]
pages = client.search_runs([experiment.experiment_id], max_results=1)
seen["paged"] = [len(pages), len(client.search_runs([experiment.experiment_id], max_results=1, page_token=pages.token))]

with mlflow.start_run() as model_run:
    info = mlflow.sklearn.log_model(
        model,
        name="model",
        registered_model_name="rm1",
        input_example=features.head(2),
        pip_requirements=["scikit-learn"],  # else the client spends ten seconds on finding them out
    )
    from skl2onnx import to_onnx

    onnx_info = mlflow.onnx.log_model(
        to_onnx(model, features.to_numpy(np.float32)[:1], options={"zipmap": False}),
        name="onnx",
        pip_requirements=["onnxruntime"],
    )
    mlflow.log_metric("score", 0.7, model_id=info.model_id)
second = mlflow.register_model(onnx_info.model_uri, "rm1")
seen["versions"] = [info.registered_model_version, second.version]
expected = list(model.predict(features))
client.set_registered_model_alias("rm1", "mine", 1)
seen["alias"] = client.get_model_version_by_alias("rm1", "mine").version
loads = ["models:/rm1@mine", "models:/rm1/1", info.model_uri, f"runs:/{model_run.info.run_id}/model"]
seen["loads"] = [list(mlflow.pyfunc.load_model(uri).predict(features)) == expected for uri in loads]
onnx_answer = mlflow.pyfunc.load_model("models:/rm1/2").predict(features.to_numpy(np.float32))
seen["onnx"] = list(onnx_answer["label"]) == expected
logged = mlflow.search_logged_models(experiment_ids=[experiment.experiment_id], output_format="list")
seen["logged"] = sorted((m.name, str(m.status)) for m in logged)
seen["model_metric"] = [(m.key, m.value) for m in client.get_logged_model(info.model_id).metrics]
seen["outputs"] = len(client.get_run(model_run.info.run_id).outputs.model_outputs)

client.transition_model_version_stage("rm1", 1, "Production")
client.set_model_version_tag("rm1", 1, "k", "v")
client.update_model_version("rm1", 1, description="first")
version = client.get_model_version("rm1", 1)
seen["version"] = [version.current_stage, version.tags, version.description, list(version.aliases)]
seen["models"] = [m.name for m in client.search_registered_models()]
seen["found"] = [v.version for v in client.search_model_versions("name='rm1'")]
seen["latest"] = [v.version for v in client.get_latest_versions("rm1", ["Production"])]
mlflow.genai.register_prompt("p1", "Hello {{name}}")
seen["prompt"] = mlflow.genai.load_prompt("prompts:/p1/1").template
seen["without_prompts"] = [m.name for m in client.search_registered_models()]
copied = client.copy_model_version("models:/rm1/1", "rm2")
seen["copied"] = list(mlflow.sklearn.load_model(f"models:/rm2/{copied.version}").predict(features)) == expected

client.delete_run(child.info.run_id)
seen["deleted"] = client.get_run(child.info.run_id).info.lifecycle_stage
client.restore_run(child.info.run_id)
seen["restored"] = client.get_run(child.info.run_id).info.lifecycle_stage
client.delete_experiment(experiment.experiment_id)
seen["gone"] = [e.name for e in client.search_experiments()]
client.restore_experiment(experiment.experiment_id)
seen["back"] = sorted(e.name for e in client.search_experiments())
try:
    client.get_run("0" * 32)
except MlflowException as error:
    seen["missing"] = error.error_code

mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run() as auto:
    LogisticRegression(max_iter=500).fit(features, labels)
seen["autolog"] = "max_iter" in client.get_run(auto.info.run_id).data.params

with mlflow.start_run() as later:
    mlflow.log_metric("m", 1.0, synchronous=False).wait()
seen["async"] = client.get_run(later.info.run_id).data.metrics
json.dump(seen, sys.stdout)
