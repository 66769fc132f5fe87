"""What a model takes, by its MLflow signature, and the data that its `predict` wants made of tensors."""

from __future__ import annotations

import base64
import binascii
import json

import numpy as np
import pandas as pd

from . import tensors

COLUMN_DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "datetime": "BYTES",
}


class InvalidInput(Exception):
    """Something that the caller must change."""


class Port:
    """One input or output: `shape` has -1 where the request chooses; a `column` may also come as [n, 1]."""

    def __init__(self, name: str, datatype: str, shape: list[int], column: str | None = None):
        self.name = name
        self.datatype = datatype
        self.shape = shape
        # MLflow's type of a column: its values are texts of it when the datatype is BYTES.
        self.column = column

    def to_json(self) -> dict:
        described = {"name": self.name, "datatype": self.datatype, "shape": self.shape}
        return described if self.column is None else {**described, "column": True}


def ports_of(schema, prefix: str) -> list[Port]:
    """Ports of an MLflow schema. Columns of arrays, objects and maps are JSON texts."""
    ports = []
    for at, spec in enumerate(schema.inputs):
        name = f"{prefix}-{at}" if spec.name is None else str(spec.name)
        if schema.is_tensor_spec():
            ports.append(Port(name, tensor_datatype(spec.type), [int(size) for size in spec.shape]))
        else:
            kind = getattr(spec.type, "name", "json")
            ports.append(Port(name, COLUMN_DATATYPES.get(kind, "BYTES"), [-1], kind))
    return ports


def tensor_datatype(dtype) -> str:
    return tensors.DATATYPES.get(np.dtype(dtype).str[1:], "BYTES")


class InputBuilder:
    """Makes what `predict` takes of the tensors of one inference."""

    def __init__(self, schema, ports: list[Port], from_type_hint: bool):
        self._ports = ports
        self._is_tensor = schema.is_tensor_spec()
        self._has_names = schema.has_input_names()
        self._dtypes = [np.dtype(spec.type) for spec in schema.inputs] if self._is_tensor else []
        self._from_type_hint = from_type_hint
        datatypes = {port.datatype for port in ports}
        # One block of memory for all columns: several times faster than a block for each.
        self._is_uniform = not self._is_tensor and len(datatypes) == 1 and datatypes != {"BYTES"}
        self._columns = pd.Index([port.name for port in ports])

    def build(self, arrays: list[np.ndarray]):
        """An array, a dict of arrays, a DataFrame, or for a type-hinted function a list."""
        if self._is_tensor:
            arrays = [_as_tensor(array, dtype) for array, dtype in zip(arrays, self._dtypes)]
            return {port.name: array for port, array in zip(self._ports, arrays)} if self._has_names else arrays[0]
        rows = {len(array.reshape(-1)) for array in arrays}
        if len(rows) != 1:
            counts = ", ".join(f"{port.name!r} {array.size}" for port, array in zip(self._ports, arrays))
            raise InvalidInput(f"columns of different lengths: {counts}")
        if self._is_uniform and not self._from_type_hint:
            whole = np.empty((len(arrays), rows.pop()), dtype=arrays[0].dtype)
            for at, array in enumerate(arrays):
                whole[at] = array.reshape(-1)
            return pd.DataFrame(whole.T, columns=self._columns, copy=False)
        columns = [column_of(port, array.reshape(-1)) for port, array in zip(self._ports, arrays)]
        if self._from_type_hint and not self._has_names:
            return list(columns[0])
        if not self._has_names:
            return pd.DataFrame(dict(enumerate(columns)))
        return pd.DataFrame({port.name: column for port, column in zip(self._ports, columns)})


def column_of(port: Port, values: np.ndarray):
    """A column's values in the type that the signature names."""
    try:
        if port.column == "datetime":
            return _dates(values)
        if port.column == "binary":
            return [base64.b64decode(text, validate=True) for text in values]
        if port.datatype == "BYTES" and port.column != "string":
            return [json.loads(text) for text in values]
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(f"input {port.name!r}: {error}") from error
    return values


def _dates(values: np.ndarray):
    texts = list(values)
    try:
        dates = pd.to_datetime(texts, format="ISO8601")
    except ValueError as error:
        if "ISO8601" not in str(error) or int(pd.__version__.split(".")[0]) >= 2:
            raise
        dates = pd.to_datetime(texts)
    return dates.tz_convert("UTC").tz_localize(None) if dates.tz is not None else dates


def _as_tensor(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return array.astype(str) if dtype.kind == "U" else array
