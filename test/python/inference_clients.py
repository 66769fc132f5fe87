"""Calls a server of the Open Inference Protocol by the unchanged clients of Triton and KServe over HTTP: its address and
a model are the arguments; prints one JSON object of what they saw. Models named echo-<DATATYPE> answer what they get."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient import http
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

url, model = sys.argv[1], sys.argv[2]
rows = np.array([[1, 2, 3, 4], [4, 3, 2, 1]], dtype=np.float32)
seen = {}

client = http.InferenceServerClient(url.removeprefix("http://"))
seen["live"] = [client.is_server_live(), client.is_server_ready(), client.is_model_ready(model)]
seen["unknown"] = client.is_model_ready("nobody")
seen["extensions"] = client.get_server_metadata()["extensions"]
seen["metadata"] = client.get_model_metadata(model)
seen["index"] = client.get_model_repository_index()
client.load_model(model)


def refusal(call):
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return "accepted"


seen["unload"] = refusal(lambda: client.unload_model(model))
seen["load"] = refusal(lambda: client.load_model("nobody"))
seen["config"] = refusal(lambda: client.load_model(model, config="{}"))


def ask(binary_in, binary_out, **more):
    given = http.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary_in)
    outputs = [http.InferRequestedOutput(name, binary_data=binary_out) for name in ("probabilities", "label")]
    return client.infer(model, [given], outputs=outputs, **more)


answers = [ask(a, b, request_id="r-1") for a in (True, False) for b in (True, False)]
seen["ids"] = [answer.get_response()["id"] for answer in answers]
seen["labels"] = [answer.as_numpy("label").tolist() for answer in answers]
seen["equal"] = all(
    np.allclose(answers[0].as_numpy("probabilities"), answer.as_numpy("probabilities"), atol=1e-6)
    for answer in answers
)
seen["order"] = [output["name"] for output in answers[0].get_response()["outputs"]]
given = http.InferInput("x", list(rows.shape), "FP32").set_data_from_numpy(rows)
seen["all outputs"] = client.infer(model, [given]).as_numpy("label").tolist()
seen["version"] = client.infer(model, [given], model_version="1").get_response()["model_version"]
seen["classes"] = refusal(
    lambda: client.infer(model, [given], outputs=[http.InferRequestedOutput("probabilities", class_count=2)])
)
wrong = http.InferInput("x", [1, 3], "FP32").set_data_from_numpy(rows[:1, :3])
seen["wrong"] = refusal(lambda: client.infer(model, [wrong]))

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
    given = http.InferInput("x", [2], datatype).set_data_from_numpy(array)
    back = client.infer(f"echo-{datatype}", [given]).as_numpy("y")
    if np.array_equal(back, array, equal_nan=datatype.startswith("FP")):
        seen["echoed"].append(datatype)

nul = http.InferInput("x", [1], "BYTES").set_data_from_numpy(np.array([b"a\0b"], dtype=object))
seen["nul"] = refusal(lambda: client.infer("echo-BYTES", [nul]))


async def kserve():
    v2 = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    v1 = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    seen["kserve live"] = [
        await v2.is_server_live(url),
        await v2.is_server_ready(url),
        await v2.is_model_ready(url, model),
        await v1.is_model_ready(url, model),
    ]
    labels = []
    for binary in (True, False):
        given = InferInput("x", list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=binary)
        outputs = [RequestedOutput("label", parameters={"binary_data": binary})]
        request = InferRequest(model, [given], request_id="k-1", request_outputs=outputs)
        answer = await v2.infer(url, request, model_name=model)
        labels.append([answer.id, answer.outputs[0].as_numpy().tolist()])
    seen["kserve labels"] = labels
    seen["kserve v1"] = [
        row["label"]
        for row in (await v1.infer(url, {"instances": rows.tolist()}, model_name=model))["predictions"]
    ]


asyncio.run(kserve())
print(json.dumps(seen))
