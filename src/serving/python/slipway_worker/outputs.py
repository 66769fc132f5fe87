"""Whatever a model's `predict` may return, as named arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import tensors

MAX_OUTPUTS = 1_000


def named_arrays(answer) -> list[tuple[str, np.ndarray]]:
    """DataFrame, Series, array, list, tuple, dict, str or number as (name, array); unnamed ones are output-0, …"""
    if isinstance(answer, pd.DataFrame):
        named = [(str(name), _of_series(answer.iloc[:, at])) for at, name in enumerate(answer.columns)]
    elif isinstance(answer, dict):
        named = [(str(name), array_of(value)) for name, value in answer.items()]
    elif isinstance(answer, tuple) and answer and all(_is_array(part) for part in answer):
        named = [(f"output-{at}", array_of(part)) for at, part in enumerate(answer)]
    elif isinstance(answer, list) and answer and all(isinstance(row, dict) for row in answer):
        return named_arrays(pd.DataFrame(answer))
    else:
        named = [("output-0", array_of(answer))]
    if not named or len(named) > MAX_OUTPUTS:
        raise TypeError(f"the model answered with {len(named)} outputs; 1 to {MAX_OUTPUTS} can be served")
    return named


def array_of(value) -> np.ndarray:
    """One array of a type that Open Inference has; objects become text."""
    if isinstance(value, (pd.Series, pd.Index)):
        return _of_series(pd.Series(value))
    if isinstance(value, pd.DataFrame):
        value = value.to_numpy()
    elif hasattr(value, "toarray"):  # sparse matrices
        value = value.toarray()
    elif hasattr(value, "detach"):  # torch
        value = value.detach().cpu().numpy()
    if isinstance(value, (str, bytes, dict)) or value is None:
        return _objects([value])
    if isinstance(value, (set, frozenset)) or hasattr(value, "__next__"):
        value = list(value)
    try:
        array = np.asarray(value)
    except ValueError:  # ragged lists
        return _objects(list(value))
    if array.dtype == object:
        array = _settled(array)
    if array.ndim == 0:
        array = array.reshape(1)
    if array.dtype.kind in "UMmSO" or tensors.datatype_of(array) != "BYTES":
        return array
    if array.dtype.kind == "f":  # long double
        return array.astype("f8")
    raise TypeError(f"the model answered with an array of {array.dtype}, which can't be served")


def cast(name: str, array: np.ndarray, datatype: str) -> np.ndarray:
    """The same values in another datatype; TypeError when one of them can't be said in it."""
    given = tensors.datatype_of(array)
    if given == datatype:
        return array
    wanted = None if datatype == "BYTES" or given == "BYTES" else np.dtype(tensors.DTYPES[datatype])
    if wanted is not None:
        if np.can_cast(array.dtype, wanted, "safe"):
            return array.astype(wanted)
        if array.dtype.kind in "iub" and wanted.kind in "iub" or array.dtype.kind == wanted.kind == "f":
            with np.errstate(all="ignore"):
                converted = array.astype(wanted)
            if wanted.kind == "f" or np.array_equal(converted, array):
                return converted
    raise TypeError(f"the model answered {given} for {name!r}; {datatype} is expected")


def _is_array(part) -> bool:
    return isinstance(part, (np.ndarray, pd.Series, list)) or hasattr(part, "detach")


def _of_series(series: pd.Series) -> np.ndarray:
    if isinstance(series.dtype, np.dtype):
        values = series.to_numpy()
    else:  # pandas' own types: with missing values numbers become floats
        missing = series.isna().any()
        kind = getattr(series.dtype, "kind", "O")
        if kind in "iufb" and not missing:
            values = series.to_numpy(dtype=getattr(series.dtype, "numpy_dtype", None))
        elif kind in "iuf":
            values = series.to_numpy(dtype="f8", na_value=np.nan)
        else:
            values = np.asarray(series, dtype=object)
    return _settled(values) if values.dtype == object else values


def _settled(array: np.ndarray) -> np.ndarray:
    """An object array of numbers alone becomes one of numbers; of equally long rows, one with another dimension."""
    values = array.reshape(-1).tolist()
    if values and all(isinstance(value, (bool, np.bool_)) for value in values):
        return array.astype(bool)
    if values and all(_is_number(value) for value in values):
        whole = np.asarray(values).reshape(array.shape)
        return whole if whole.dtype != object else array
    if array.ndim == 1 and values and all(isinstance(value, (list, np.ndarray)) for value in values):
        try:
            stacked = np.asarray(values)
        except ValueError:
            return array
        return stacked if stacked.dtype.kind in "iufb" else array
    return array


def _is_number(value) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))


def _objects(values: list) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
