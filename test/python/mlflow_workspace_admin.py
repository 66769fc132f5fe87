"""A platform admin keeps workspaces with the unchanged client; prints one JSON object of what it saw."""

import json

import mlflow
from mlflow.exceptions import MlflowException

seen = {"before": [one.name for one in mlflow.list_workspaces()]}
made = mlflow.create_workspace("team-a", description="first")
seen["made"] = [made.name, made.description]
seen["changed"] = mlflow.update_workspace("team-a", description="changed").description
seen["got"] = mlflow.get_workspace("team-a").description
seen["listed"] = sorted(one.name for one in mlflow.list_workspaces())
mlflow.create_workspace("team-b")
mlflow.delete_workspace("team-b")
try:
    mlflow.get_workspace("team-b")
except MlflowException as error:
    seen["gone"] = error.error_code
print("\n" + json.dumps(seen))
