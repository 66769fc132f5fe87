"""Trains and registers as scripts did since mlflow 2.0, whatever the client; prints one JSON object of what it saw."""

import json
import os
import sys
import tempfile

import mlflow
import mlflow.sklearn
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models.signature import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

seen = {"version": mlflow.__version__}
client = MlflowClient()
features, labels = load_iris(return_X_y=True, as_frame=True)

experiment = mlflow.set_experiment("old").experiment_id
seen["again"] = mlflow.set_experiment("old").experiment_id == experiment
with mlflow.start_run(run_name="parent", tags={"team": "red"}) as run:
    mlflow.log_params({"a": 1, "b": "two"})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"accuracy": 0.9, "nan": float("nan")})
    mlflow.log_text("hello", "d/hello.txt")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "ümlaut & space.bin"), "wb") as file:
            file.write(bytes(range(256)) * 1000)
        mlflow.log_artifacts(folder, "many")
    for depth in range(3):
        with mlflow.start_run(nested=True, run_name=f"child-{depth}"):
            mlflow.log_metric("accuracy", depth / 10)
try:
    client.log_param(run.info.run_id, "a", 2)
except MlflowException as error:
    seen["changed_param"] = error.error_code
got = client.get_run(run.info.run_id)
seen["run"] = [got.info.run_name, got.info.status, got.data.params, got.data.tags["team"]]
seen["metrics"] = {name: repr(value) for name, value in got.data.metrics.items()}
seen["history"] = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")]
seen["files"] = [file.path for file in client.list_artifacts(run.info.run_id)]
local = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="many")
with open(os.path.join(local, "ümlaut & space.bin"), "rb") as file:
    seen["binary"] = file.read() == bytes(range(256)) * 1000
seen["text"] = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/d/hello.txt")

own = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
names, token, pages = [], None, 0
while pages == 0 or token:
    page = client.search_runs([experiment], own, max_results=2, order_by=["metrics.accuracy DESC"], page_token=token)
    names, token, pages = names + [r.info.run_name for r in page], page.token, pages + 1
seen["pages"] = [names, pages]
frame = mlflow.search_runs(experiment_names=["old"], filter_string="metrics.accuracy > 0.15 and params.b = 'two'")
seen["frame"] = list(frame["tags.mlflow.runName"])
for index in range(4):
    client.create_experiment(f"more-{index}")
found = client.search_experiments(filter_string="name LIKE 'more-%'", order_by=["name ASC"], max_results=3)
more = client.search_experiments(
    filter_string="name LIKE 'more-%'", order_by=["name ASC"], max_results=3, page_token=found.token
)
seen["experiments"] = [[e.name for e in found], [e.name for e in more]]

model = LogisticRegression(max_iter=500).fit(features, labels)
expected = list(model.predict(features))
with mlflow.start_run(run_name="model") as model_run:
    info = mlflow.sklearn.log_model(
        model,
        "model",
        registered_model_name="old-iris",
        signature=infer_signature(features, model.predict(features)),
        input_example=features.head(2),
        pip_requirements=["scikit-learn"],
    )
second = mlflow.register_model(info.model_uri, "old-iris")
seen["versions"] = [v.version for v in client.search_model_versions("name='old-iris'")]
client.transition_model_version_stage("old-iris", second.version, "Staging")
client.set_model_version_tag("old-iris", "1", "k", "v")
client.update_model_version("old-iris", "1", description="first")
version = client.get_model_version("old-iris", "1")
seen["version_1"] = [version.tags, version.description, version.run_id == model_run.info.run_id, version.status]
seen["latest"] = [[v.version, v.current_stage] for v in client.get_latest_versions("old-iris", ["None", "Staging"])]
uris = ["models:/old-iris/1", "models:/old-iris/Staging", info.model_uri]
if hasattr(client, "set_registered_model_alias"):
    client.set_registered_model_alias("old-iris", "best", "1")
    seen["alias"] = [client.get_model_version_by_alias("old-iris", "best").version]
    seen["alias"] += [client.get_registered_model("old-iris").aliases]
    uris.append("models:/old-iris@best")
seen["loads"] = [list(mlflow.pyfunc.load_model(uri).predict(features)) == expected for uri in uris]
loaded = mlflow.pyfunc.load_model("models:/old-iris/1").metadata
seen["signature"] = [len(loaded.signature.inputs.inputs), loaded.saved_input_example_info is not None]
for index in range(4):
    client.create_registered_model(f"name-{index}", tags={"n": str(index)})
page = client.search_registered_models("name LIKE 'name-%'", max_results=3)
rest = client.search_registered_models("name LIKE 'name-%'", max_results=3, page_token=page.token)
seen["models"] = [[m.name for m in page], [m.name for m in rest]]

mlflow.sklearn.autolog(log_input_examples=True, silent=True)
with mlflow.start_run(run_name="grid") as grid:
    GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0], "tol": [1e-3, 1e-2]}, cv=2).fit(features, labels)
mlflow.sklearn.autolog(disable=True)
got = client.get_run(grid.info.run_id)
children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{grid.info.run_id}'")
seen["grid"] = [len(children), sorted(name for name in got.data.params if name.startswith("best_"))]
best = mlflow.sklearn.load_model(f"runs:/{grid.info.run_id}/best_estimator")
seen["best"] = isinstance(best.predict(features), np.ndarray)

client.delete_run(run.info.run_id)
seen["deleted"] = client.get_run(run.info.run_id).info.lifecycle_stage
client.restore_run(run.info.run_id)
client.delete_model_version("old-iris", "2")
client.delete_registered_model("name-0")
try:
    client.get_registered_model("name-0")
except MlflowException as error:
    seen["missing"] = error.error_code
print()
json.dump(seen, sys.stdout)
