"""Writes the models that the comparison serves by ONNX Runtime into a folder: iris, and one per datatype that answers
what it gets. Each has the contract.json that a version is checked by."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

FORMS = {
    "BOOL": (TensorProto.BOOL, np.bool_),
    "INT8": (TensorProto.INT8, np.int8),
    "INT16": (TensorProto.INT16, np.int16),
    "INT32": (TensorProto.INT32, np.int32),
    "INT64": (TensorProto.INT64, np.int64),
    "UINT8": (TensorProto.UINT8, np.uint8),
    "UINT16": (TensorProto.UINT16, np.uint16),
    "UINT32": (TensorProto.UINT32, np.uint32),
    "UINT64": (TensorProto.UINT64, np.uint64),
    "FP16": (TensorProto.FLOAT16, np.float16),
    "FP64": (TensorProto.DOUBLE, np.float64),
    "BYTES": (TensorProto.STRING, np.object_),
}
NAMES = {np.dtype(kind): name for name, (_, kind) in FORMS.items()} | {np.dtype(np.float32): "FP32"}


def tensor(name, array):
    return {"name": name, "shape": list(array.shape), "datatype": NAMES[array.dtype], "data": array.ravel().tolist()}


def write(folder, model, given):
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    answers = session.run(None, {"x": given})
    outputs = [tensor(port.name, np.asarray(answer)) for port, answer in zip(session.get_outputs(), answers)]
    contract = {"request": {"inputs": [tensor("x", given)]}, "response": {"outputs": outputs}}
    (folder / "contract.json").write_text(json.dumps(contract))


root = Path(sys.argv[1])
rows, classes = load_iris(return_X_y=True)
rows = rows.astype(np.float32)
forest = RandomForestClassifier(10, random_state=0).fit(rows, classes)
columns = [("x", FloatTensorType([None, 4]))]
iris = convert_sklearn(forest, initial_types=columns, options={"zipmap": False}, target_opset=21)
write(root / "iris", iris, rows[:2])
for name, (form, kind) in FORMS.items():
    ports = [helper.make_tensor_value_info(port, form, ["n"]) for port in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "echo", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    values = ["a", "b"] if name == "BYTES" else [0, 1]
    write(root / f"echo-{name.lower()}", model, np.array(values, dtype=kind))
