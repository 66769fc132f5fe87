"""The unchanged client with a login and a workspace: prints as JSON what it sees."""

import json

import mlflow
from mlflow.exceptions import MlflowException


def outcome(call):
    try:
        return call()
    except MlflowException as error:
        return error.error_code


mlflow.set_workspace("team-a")
mlflow.set_experiment("work")
with mlflow.start_run():
    mlflow.log_metric("m", 1.0)
    mlflow.log_text("hello", "hello.txt")
run = mlflow.last_active_run()
print(
    json.dumps(
        {
            "workspaces": sorted(one.name for one in mlflow.list_workspaces()),
            "artifacts": run.info.artifact_uri,
            "text": mlflow.artifacts.load_text(run.info.artifact_uri + "/hello.txt"),
            "create": outcome(lambda: mlflow.create_workspace("mine").name),
            "get": outcome(lambda: mlflow.get_workspace("team-a").name),
            "foreign": outcome(lambda: mlflow.get_workspace("team-b").name),
            "nowhere": outcome(lambda: mlflow.get_workspace("nowhere").name),
        }
    )
)
