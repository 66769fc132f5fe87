"""Calls a server of the Open Inference Protocol by Triton's unchanged client over gRPC: the arguments are its address over
HTTP, a model, and its address for gRPC; prints one JSON object of what it saw. Models named echo-<DATATYPE> answer what
they get. KServe's client has a script of its own: both declare the same protobuf messages."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

_, model, address = sys.argv[1:]
HEADERS = {"x-slipway-request-id": "by-triton"}
rows = np.array([[1, 2, 3, 4], [4, 3, 2, 1]], dtype=np.float32)
seen = {}

client = grpc.InferenceServerClient(address)
seen["live"] = [client.is_server_live(), client.is_server_ready(), client.is_model_ready(model)]
seen["versions"] = [client.is_model_ready(model, "1"), client.is_model_ready(model, "2")]
seen["unknown"] = client.is_model_ready("nobody")
seen["server"] = client.get_server_metadata(as_json=True)
seen["metadata"] = client.get_model_metadata(model, as_json=True)
seen["index"] = client.get_model_repository_index(as_json=True)["models"]
client.load_model(model)


def refusal(call):
    try:
        call()
    except InferenceServerException as error:
        return [error.status().removeprefix("StatusCode."), error.message()]
    return "accepted"


def given(values, datatype="FP32", name="x"):
    return grpc.InferInput(name, list(values.shape), datatype).set_data_from_numpy(values)


seen["unload"] = refusal(lambda: client.unload_model(model))
seen["load"] = refusal(lambda: client.load_model("nobody"))
seen["config"] = refusal(lambda: client.load_model(model, config="{}"))
seen["no such method"] = refusal(lambda: client.get_model_config(model))

answer = client.infer(model, [given(rows)], request_id="r-1", headers=HEADERS)
response = answer.get_response()
seen["infer"] = [response.model_name, response.model_version, response.id, len(response.raw_output_contents)]
seen["sums"] = [round(float(total), 5) for total in answer.as_numpy("probabilities").sum(axis=1)]
seen["labels"] = answer.as_numpy("label").tolist()
wanted = [grpc.InferRequestedOutput(name) for name in ("probabilities", "label")]
ordered = client.infer(model, [given(rows)], model_version="1", outputs=wanted)
seen["order"] = [output.name for output in ordered.get_response().outputs]
seen["packed"] = [
    client.infer(model, [given(np.tile(rows, (64, 1)))], compression_algorithm=kind).as_numpy("label").shape[0]
    for kind in ("gzip", "deflate")
]
ended = queue.Queue()
for _ in range(64):
    client.async_infer(model, [given(rows)], callback=lambda result, error: ended.put((result, error)))
results = [ended.get(timeout=30) for _ in range(64)]
seen["many"] = sum(result.as_numpy("label").shape[0] for result, error in results if error is None)

VALUES = {
    "BOOL": [True, False],
    "INT8": [-128, 127],
    "INT16": [-32768, 32767],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "UINT8": [0, 255],
    "UINT16": [0, 65535],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "FP16": [-1.5, 65504],
    "FP32": [float("-inf"), 1e-45],
    "FP64": [float("nan"), 1.7976931348623157e308],
    "BYTES": [b"", "Ünïcode\n".encode()],
}
seen["echoed"] = []
for datatype, values in VALUES.items():
    array = np.array(values, dtype=triton_to_np_dtype(datatype))
    back = client.infer(f"echo-{datatype}", [given(array, datatype)]).as_numpy("y")
    if np.array_equal(back, array, equal_nan=datatype.startswith("FP")):
        seen["echoed"].append(datatype)

seen["nobody"] = refusal(lambda: client.infer("nobody", [given(rows)]))
seen["no version"] = refusal(lambda: client.infer(model, [given(rows)], model_version="9"))
seen["wrong name"] = refusal(lambda: client.infer(model, [given(rows, name="y")]))
seen["wrong type"] = refusal(lambda: client.infer(model, [given(rows.astype(np.int64), "INT64")]))
seen["wrong shape"] = refusal(lambda: client.infer(model, [given(rows[:, :3])]))
seen["classes"] = refusal(
    lambda: client.infer(model, [given(rows)], outputs=[grpc.InferRequestedOutput("probabilities", class_count=2)])
)
seen["no time"] = refusal(lambda: client.infer(model, [given(rows)], client_timeout=1e-6))[0]
client.close()
print(json.dumps(seen))
