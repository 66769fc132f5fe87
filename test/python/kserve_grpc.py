"""Calls a server of the Open Inference Protocol by KServe's unchanged client over gRPC, with raw tensors and with typed
ones; arguments and output as those of triton_grpc.py."""

import asyncio
import json
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

_, model, address = sys.argv[1:]
rows = np.array([[1, 2, 3, 4], [4, 3, 2, 1]], dtype=np.float32)
seen = {}

# KServe's client has no typed form of FP16.
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
    "FP32": [-1.5, 0.0],
    "FP64": [1.5, 1.7976931348623157e308],
    "BYTES": ["", "Ünïcode\n"],
}


def request(data, shape=(2, 4), datatype="FP32", name=model):
    return InferRequest(name, [InferInput("x", list(shape), datatype, data=data)], request_id="k-1")


async def main():
    client = InferenceGRPCClient(address, retries=0)
    seen["live"] = [
        await client.is_server_live(),
        await client.is_server_ready(),
        await client.is_model_ready(model),
    ]
    answers = [await client.infer(request(data)) for data in (rows, rows.flatten().tolist())]
    seen["ids"] = [answer.id for answer in answers]
    seen["labels"] = [
        next(output for output in answer.outputs if output.name == "label").as_numpy().tolist() for answer in answers
    ]
    seen["echoed"] = []
    for datatype, values in VALUES.items():
        answer = await client.infer(request(values, [2], datatype, f"echo-{datatype}"))
        back = [value.decode() if isinstance(value, bytes) else value for value in answer.outputs[0].data]
        if back == values:
            seen["echoed"].append(datatype)
    for name, asked in (("nobody", request(rows, name="nobody")), ("too few", request([1.0, 2.0]))):
        try:
            await client.infer(asked)
        except grpc.RpcError as error:
            seen[name] = [error.code().name, error.details()]
    await client.close()


asyncio.run(main())
print(json.dumps(seen))
