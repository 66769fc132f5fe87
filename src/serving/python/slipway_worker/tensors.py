"""Tensors of Open Inference V2, as they travel in frames and in JSON.

In a frame: u32 count, u32 zero, then per tensor a head of u8 datatype, u8 dimensions, two zero bytes, u32 bytes of
data, the dimensions as u32, zeros up to a multiple of eight, the data, zeros up to a multiple of eight. BYTES are a
u32 length before each element. Which tensor is which is known from their order.
"""

from __future__ import annotations

import base64
import json
import struct

import numpy as np

NAMES = [
    "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32", "FP64", "BYTES",
]
CODES = {name: code for code, name in enumerate(NAMES)}
DTYPES = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2",
    "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}
DATATYPES = {np.dtype(dtype).str[1:]: name for name, dtype in DTYPES.items()}
COUNT = struct.Struct("<II")
TENSOR = struct.Struct("<BB2xI")
LENGTH = struct.Struct("<I")
PADDING = bytes(8)


def datatype_of(array: np.ndarray) -> str:
    """Open Inference's name of an array's type; whatever isn't a number travels as BYTES."""
    return DATATYPES.get(array.dtype.str[1:], "BYTES")


def read(payload: bytearray) -> list[np.ndarray]:
    """The tensors of a frame; numbers share the frame's memory, BYTES become an object array of str."""
    count, _ = COUNT.unpack_from(payload, 0)
    at = COUNT.size
    arrays = []
    for _ in range(count):
        code, dimensions, size = TENSOR.unpack_from(payload, at)
        shape = struct.unpack_from(f"<{dimensions}I", payload, at + TENSOR.size)
        at = _padded(at + TENSOR.size + 4 * dimensions)
        datatype = NAMES[code]
        if datatype == "BYTES":
            array = _texts(payload, at, shape)
        else:
            dtype = np.dtype(DTYPES[datatype])
            array = np.frombuffer(payload, dtype, size // dtype.itemsize, at).reshape(shape)
        arrays.append(array)
        at = _padded(at + size)
    return arrays


def write(named: list[tuple[str, str, np.ndarray]]) -> list:
    """Parts of a frame for (name, datatype, array) triples."""
    parts: list = [COUNT.pack(len(named), 0)]
    for _, datatype, array in named:
        data = _joined_texts(array) if datatype == "BYTES" else _contiguous(array)
        size = memoryview(data).nbytes
        head = TENSOR.pack(CODES[datatype], array.ndim, size) + struct.pack(f"<{array.ndim}I", *array.shape)
        parts += [head + PADDING[: -len(head) % 8], data, PADDING[: -size % 8]]
    return parts


def to_json(name: str, datatype: str, array: np.ndarray) -> dict:
    """A tensor of a V2 request or answer, with flat data."""
    flat = array.reshape(-1)
    if datatype == "BYTES":
        data = [text_of(value) for value in flat]
    elif datatype.startswith("FP"):
        data = [value if np.isfinite(value) else _not_finite(value) for value in flat.astype("f8").tolist()]
    else:
        data = flat.tolist()
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": data}


def text_of(value) -> str:
    """One element that isn't a number as text: dates in ISO 8601, bytes in base64 as MLflow's JSON has them."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # None, NaN and NaT: nothing is there
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, np.datetime64):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (dict, list, tuple, bool, int, float, np.ndarray)):
        return json.dumps(value, default=_plain)
    return str(value)


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return text_of(value)


def _not_finite(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _texts(payload: bytearray, at: int, shape: tuple) -> np.ndarray:
    count = int(np.prod(shape, dtype=np.int64))
    array = np.empty(count, dtype=object)
    for index in range(count):
        (size,) = LENGTH.unpack_from(payload, at)
        at += LENGTH.size
        array[index] = payload[at : at + size].decode("utf-8")
        at += size
    return array.reshape(shape)


def _joined_texts(array: np.ndarray) -> bytes:
    pieces = []
    for value in array.reshape(-1):
        encoded = text_of(value).encode("utf-8", "replace")
        pieces += [LENGTH.pack(len(encoded)), encoded]
    return b"".join(pieces)


def _contiguous(array: np.ndarray) -> memoryview:
    whole = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return memoryview(whole.reshape(-1).view(np.uint8)) if whole.size else memoryview(b"")


def _padded(at: int) -> int:
    return at + -at % 8
