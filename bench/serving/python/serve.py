"""The server that a team writes itself: FastAPI around a scikit-learn model or around ONNX Runtime.

Speaks Open Inference V2 for one input, like the others. Arguments: sklearn|onnx, the model's folder, port.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Input(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Input]


def sklearn_answer(folder):
    model = joblib.load(folder / "model.joblib")

    def answer(rows):
        return [("label", "INT64", model.predict(rows)), ("probabilities", "FP32", model.predict_proba(rows))]

    return answer


def onnx_answer(folder):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / "onnx" / "model.onnx", sess_options=options, providers=["CPUExecutionProvider"]
    )

    def answer(rows):
        label, probabilities = session.run(None, {"x": rows})
        return [("label", "INT64", label), ("probabilities", "FP32", probabilities)]

    return answer


def create(answer):
    app = FastAPI()

    @app.get("/health")
    def health():
        return {}

    @app.post("/v2/models/iris/infer")
    async def infer(request: Request):
        [given] = request.inputs
        rows = np.asarray(given.data, dtype=np.float32).reshape(given.shape)
        return {
            "model_name": "iris",
            "outputs": [
                {"name": name, "datatype": datatype, "shape": list(values.shape), "data": values.ravel().tolist()}
                for name, datatype, values in answer(rows)
            ],
        }

    return app


if __name__ == "__main__":
    kind, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    make = {"sklearn": sklearn_answer, "onnx": onnx_answer}[kind]
    uvicorn.run(create(make(folder)), host="127.0.0.1", port=port, log_level="warning", access_log=False)
