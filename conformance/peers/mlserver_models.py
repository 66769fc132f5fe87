"""Writes the models that the comparison serves by MLServer into a folder, with the scikit-learn of its own environment:
iris by its scikit-learn runtime, and one per datatype that answers what it gets, by a runtime of its own below."""

import json
import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

DATATYPES = "BOOL INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64 FP16 FP64 BYTES".split()
ECHO = """
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse

class Echo(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        [given] = payload.inputs
        codec = StringCodec if given.datatype == "BYTES" else NumpyCodec
        output = codec.encode_output("y", codec.decode_input(given))
        return InferenceResponse(model_name=self.name, outputs=[output])
"""


def write(folder, settings):
    folder.mkdir(parents=True)
    (folder / "model-settings.json").write_text(json.dumps(settings))


root = Path(sys.argv[1])
port = lambda name, datatype, shape: {"name": name, "datatype": datatype, "shape": shape}
declared = {
    "name": "iris",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "platform": "sklearn",
    "parameters": {"uri": "./model.joblib"},
    "inputs": [port("x", "FP32", [-1, 4])],
    "outputs": [port("predict", "INT64", [-1, 1])],
}
write(root / "iris", declared)
rows, classes = load_iris(return_X_y=True)
joblib.dump(RandomForestClassifier(10, random_state=0).fit(rows, classes), root / "iris" / "model.joblib")
(root / "echo_runtime.py").write_text(ECHO)
for datatype in DATATYPES:
    echo = {
        "name": f"echo-{datatype.lower()}",
        "implementation": "echo_runtime.Echo",
        "platform": "echo",
        "inputs": [port("x", datatype, [-1])],
        "outputs": [port("y", datatype, [-1])],
    }
    write(root / f"echo-{datatype.lower()}", echo)
