"""Moves a large file with the unchanged mlflow client, past the platform where the store allows it; prints what it saw."""

import hashlib
import json
import os

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

seen = {}
client = MlflowClient()
content = os.urandom(1024 * 1024) * 11 + b"end"

with mlflow.start_run() as run:
    with open("large.bin", "wb") as file:
        file.write(content)
    mlflow.log_artifact("large.bin", "deep")
    mlflow.log_text("<b>small</b>", "page.html")

seen["run"] = run.info.run_id
seen["listed"] = [(f.path, f.file_size) for f in client.list_artifacts(run.info.run_id, "deep")]
path = client.download_artifacts(run.info.run_id, "deep/large.bin", "down")
with open(path, "rb") as file:
    seen["same"] = hashlib.sha256(file.read()).hexdigest() == hashlib.sha256(content).hexdigest()
seen["text"] = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/page.html")
try:
    client.download_artifacts(run.info.run_id, "none.bin", "down")
except Exception as error:
    seen["missing"] = type(error).__name__
repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(run.info.artifact_uri)
repository.delete_artifacts("deep")
seen["deleted"] = [f.path for f in client.list_artifacts(run.info.run_id)]
print("\n" + json.dumps(seen))
