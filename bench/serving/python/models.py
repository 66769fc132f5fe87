"""Makes the models of the benchmark in the folder that is given: a random forest and a small neural net on iris.

Each as an MLflow model (pyfunc), as a joblib file and as ONNX with a contract, so that every server serves the same trees.
"""

import json
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import numpy as np
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

MODELS = {
    "forest": RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1),
    "net": MLPClassifier(hidden_layer_sizes=(32, 16), max_iter=600, random_state=0),
}


def contract(session_answer, rows):
    def tensor(name, datatype, values):
        return {"name": name, "shape": list(values.shape), "datatype": datatype, "data": values.ravel().tolist()}

    label, probabilities = session_answer
    return {
        "request": {"inputs": [tensor("x", "FP32", rows)]},
        "response": {
            "outputs": [tensor("label", "INT64", label), tensor("probabilities", "FP32", probabilities)]
        },
    }


def main(folder):
    import onnxruntime

    rows, kinds = load_iris(return_X_y=True)
    rows = rows.astype(np.float32)
    np.save(folder / "rows.npy", rows)
    (folder / "rows.json").write_text(json.dumps([[round(float(v), 6) for v in row] for row in rows]))
    for name, model in MODELS.items():
        model.fit(rows, kinds)
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, own / "model.joblib")
        exported = to_onnx(
            model,
            initial_types=[("x", FloatTensorType([None, rows.shape[1]]))],
            options={"zipmap": False},
            target_opset=18,
        )
        (own / "onnx").mkdir()
        (own / "onnx" / "model.onnx").write_bytes(exported.SerializeToString())
        session = onnxruntime.InferenceSession(own / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
        example = rows[::37]
        (own / "onnx" / "contract.json").write_text(
            json.dumps(rename(session, contract(session.run(None, {"x": example}), example)))
        )
        mlflow.sklearn.save_model(
            model,
            own / "mlflow",
            signature=infer_signature(rows, model.predict(rows)),
            input_example=rows[:2],
            serialization_format="cloudpickle",
        )


def rename(session, made):
    """The outputs have the names that the exported graph gives them."""
    for output, declared in zip(made["response"]["outputs"], session.get_outputs(), strict=True):
        output["name"] = declared.name
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1]))
