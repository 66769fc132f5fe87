"""What the model refuses to answer, so that a compiled one refuses it too instead of answering something."""

from __future__ import annotations

import numpy as np

from .table import Features

# Tried alone only up to this many features.
MAX_TRIED = 512
PROBES = {"nan": np.nan, "infinite": np.inf, "large": 1e39}
MAX_MESSAGE = 500


class Refusals:
    """Per kind of value the features that refuse it, and with which words."""

    def __init__(self, predict, features: Features, row: list[np.ndarray]):
        self._predict = predict
        self._features = features
        self._row = row
        self.found: list[dict] = []
        self._accepting: dict[str, list[int]] = {}
        for kind, value in PROBES.items():
            self._probe(kind, value)

    def accepting(self, kind: str) -> list[int]:
        """Features of floating point that take such a value."""
        return self._accepting[kind]

    def to_json(self) -> list[dict]:
        return self.found

    def _probe(self, kind: str, value: float) -> None:
        tried = [
            at
            for at in self._features.of_kind("float")
            if kind != "large" or self._features.datatypes[at] == "FP64"
        ]
        self._accepting[kind] = tried
        if not tried or self._error(tried, value) is None:
            return
        if len(tried) > MAX_TRIED:
            raise ValueError(f"it refuses {value} somewhere among {len(tried)} columns")
        errors = {at: self._error([at], value) for at in tried}
        refusing = [at for at, error in errors.items() if error is not None]
        if not refusing:
            raise ValueError(f"it refuses {value} in several columns at once")
        self._accepting[kind] = [at for at in tried if at not in refusing]
        self.found.append({"kind": kind, "features": refusing, "message": errors[refusing[0]]})

    def _error(self, places: list[int], value: float) -> str | None:
        columns = [column.copy() for column in self._row]
        for at in places:
            columns[at][:] = value
        try:
            with np.errstate(all="ignore"):
                self._predict(self._features.join(columns))
            return None
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:MAX_MESSAGE]
