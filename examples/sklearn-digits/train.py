"""Trains a classifier, exports it to ONNX and logs it with the `mlflow` client.

The platform sets MLFLOW_TRACKING_URI and MLFLOW_RUN_ID, so `mlflow.start_run()` continues the tracking run of
this pipeline run. Without them MLflow logs to the folder it is run in.
"""

import json
import os
import shutil

import joblib
import mlflow
import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import split

MODEL = "model"


def contract(classifier, rows):
    """A request of the Open Inference Protocol and scikit-learn's own answer to it.

    The worker that will serve the exported model must give the same answer before it gets any traffic.
    """
    probabilities = classifier.predict_proba(rows)
    return {
        "request": {
            "inputs": [tensor("features", "FP32", rows.astype(np.float32))],
        },
        "response": {
            "outputs": [
                tensor("label", "INT64", classifier.predict(rows)),
                tensor("probabilities", "FP32", probabilities),
            ]
        },
        "tolerance": {"absolute": 1e-4, "relative": 1e-3},
    }


def tensor(name, datatype, values):
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": datatype,
        "data": values.flatten().tolist(),
    }


def main():
    strength = float(os.environ.get("SLIPWAY_PARAM_STRENGTH", "0.1"))
    train_rows, held_out_rows, train_digits, _ = split()
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    classifier.fit(train_rows, train_digits)

    exported = to_onnx(
        classifier,
        initial_types=[("features", FloatTensorType([None, train_rows.shape[1]]))],
        # Probabilities as a plain tensor, not as a list of maps.
        options={"zipmap": False},
        target_opset=17,
    )
    shutil.rmtree(MODEL, ignore_errors=True)
    # The requirements are given, because inferring them would load the model once more.
    mlflow.onnx.save_model(exported, MODEL, pip_requirements=["onnxruntime"])
    with open(f"{MODEL}/contract.json", "w") as file:
        json.dump(contract(classifier, held_out_rows[:8]), file)
    joblib.dump(classifier, "classifier.joblib")

    with mlflow.start_run():
        mlflow.log_params({"C": strength, "rows": len(train_rows)})
        mlflow.log_metric("train_accuracy", classifier.score(train_rows, train_digits))
        mlflow.log_artifacts(MODEL, MODEL)


if __name__ == "__main__":
    main()
