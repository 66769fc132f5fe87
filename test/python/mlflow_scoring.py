"""Calls a served model by MLflow's own clients of its scoring protocol: the platform's address and a model are the
arguments; prints one JSON object of what they saw."""

import json
import sys

import numpy as np
import pandas as pd
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

url, model = sys.argv[1], sys.argv[2]
frame = pd.DataFrame([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]], columns=list("abcd"))
seen = {}

host, port = url.removeprefix("http://").split(":")
scoring = ScoringServerClient(host, f"{port}/endpoints/{model}")
scoring.ping()
ScoringServerClient(host, port).ping()
seen["frame"] = scoring.invoke(frame).get_predictions().to_dict(orient="records")
seen["array"] = scoring.invoke(frame.to_numpy()).get_predictions().to_dict(orient="list")["label"]
seen["params"] = scoring.invoke(frame, params={"temperature": 0.5}).get_predictions().shape[0]
try:
    scoring.invoke(frame[["a"]])
except Exception as error:
    seen["narrow"] = str(error)

deployments = get_deploy_client(url)
answer = deployments.predict(endpoint=model, inputs={"instances": np.ones((1, 4)).tolist()})
seen["deployments"] = sorted(answer["predictions"])
print(json.dumps(seen))
