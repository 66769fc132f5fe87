"""Moves a large file with the unchanged mlflow client, past the platform where the store allows it; prints what it saw."""

import hashlib
import json
import os

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.service_pb2 import CreatePresignedDownloadUrl, CreatePresignedUploadUrl
from mlflow.utils.proto_json_utils import message_to_json

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
aborted = repository.create_multipart_upload("large.bin", 2, "aborted")
repository.abort_multipart_upload("large.bin", aborted.upload_id, "aborted")
seen["aborted"] = repository.list_artifacts("aborted")


def direct(message):
    """As plug-ins do that move artifacts past the server, through the client's own store."""
    return client._tracking_client.store._call_endpoint(type(message), message_to_json(message))


upload = direct(CreatePresignedUploadUrl(run_id=run.info.run_id, path="direct.txt"))
requests.put(upload.presigned_url, data=b"past the server", headers=dict(upload.headers)).raise_for_status()
download = direct(CreatePresignedDownloadUrl(run_id=run.info.run_id, path="direct.txt"))
answer = requests.get(download.presigned_url, headers=dict(download.headers))
seen["direct"] = [answer.text, download.file_size, mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/direct.txt")]
print("\n" + json.dumps(seen))
