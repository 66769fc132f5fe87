"""Rows of a model's inputs, seen as features whichever way the model takes them."""

from __future__ import annotations

import numpy as np


class Features:
    """A model's inputs as single features: each column of a table, or each column of its one matrix."""

    def __init__(self, ports):
        self.ports = ports
        self.is_table = all(port.column is not None for port in ports)
        if not self.is_table:
            port = ports[0]
            if len(ports) != 1 or len(port.shape) != 2 or port.shape[0] != -1 or port.shape[1] < 1:
                raise ValueError("its inputs are neither columns nor one matrix of rows")
            if port.datatype == "BYTES":
                raise ValueError("its matrix is one of text")
        self.datatypes = (
            [port.datatype for port in ports] if self.is_table else [ports[0].datatype] * ports[0].shape[1]
        )
        self.names = [port.name for port in ports] if self.is_table else [str(at) for at in range(self.count)]

    @property
    def count(self) -> int:
        return len(self.datatypes)

    def of_kind(self, kind: str) -> list[int]:
        """Features of "float", "int" (also bool) or "text"."""
        return [at for at, datatype in enumerate(self.datatypes) if kind_of(datatype) == kind]

    def split(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Arrays of the inputs as one array per feature."""
        if self.is_table:
            return [array.reshape(-1) for array in arrays]
        return [arrays[0][:, at] for at in range(self.count)]

    def join(self, columns: list[np.ndarray]) -> list[np.ndarray]:
        """One array per feature as the arrays of the inputs."""
        return list(columns) if self.is_table else [np.stack(columns, axis=1)]


def kind_of(datatype: str) -> str:
    return "text" if datatype == "BYTES" else "float" if datatype.startswith("FP") else "int"


def rows_of(columns: list[np.ndarray], index) -> list[np.ndarray]:
    return [column[index] for column in columns]


def stacked(tables: list[list[np.ndarray]]) -> list[np.ndarray]:
    """The rows of several tables below each other."""
    return [np.concatenate(parts) for parts in zip(*tables)]
