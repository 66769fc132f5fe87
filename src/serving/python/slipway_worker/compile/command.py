"""`worker.py compile`: writes candidates and cases into a folder; whoever serves ONNX then compares."""

from __future__ import annotations

import json
import os
import struct
import sys

import numpy as np

from .. import tensors
from .cases import Cases
from .convert import converted, versions
from .native import final_of, native_of, thresholds_of
from .refusals import Refusals
from .table import Features, rows_of
from .wrap import answers_of, wrapped

MAX_CANDIDATES = 6
ROWS_AT_ONCE = 512
SAMPLES = ("training_sample.csv", "training_sample.parquet")
MAX_SAMPLE_BYTES = 256 * 2**20


class NotCompiled(Exception):
    """Why a model is left to Python, in words for a person."""


def compile_model(model, folder: str, job: str) -> dict:
    """What was written into the folder `job`, or {"reason"} why nothing was."""
    try:
        return _compile(model, folder, job)
    except (NotCompiled, ValueError) as error:
        return {"reason": str(error)}
    except ImportError as error:
        return {"reason": f"what converts it can't be loaded: {error}"}


def _compile(model, folder: str, job: str) -> dict:
    import warnings

    warnings.filterwarnings("ignore")
    native = native_of(model.pyfunc)
    if not model.is_direct:
        raise NotCompiled("it takes parameters, or checks its input by itself")
    if len(model.outputs) != 1:
        raise NotCompiled(f"it answers {len(model.outputs)} outputs")
    if model.example is None:
        raise NotCompiled("it has no input example to compare it on")
    features = Features(model.inputs)
    example = features.split(model.example)
    if len(example[0]) == 0:
        raise NotCompiled("its input example has no rows")

    def predict(arrays):
        return model.run(arrays)[0][2]

    refusals = Refusals(predict, features, rows_of(example, slice(1)))
    thresholds = thresholds_of(native, features.count)
    sample = _sample_of(features, folder)
    try:
        with np.errstate(all="ignore"):
            cases = Cases(predict, features, example, sample, thresholds, _texts_of(native.model))
            made = cases.make(refusals.accepting)
            counts = _write_cases(os.path.join(job, "cases.bin"), predict, features, made)
    except Exception as error:
        raise NotCompiled(
            f"it refuses some edge cases, which a compiled one would answer ({type(error).__name__}: {str(error)[:200]})"
        ) from error
    candidates, failed = _write_candidates(native, features, model.outputs[0], job)
    if not candidates:
        raise NotCompiled(f"it can't be written as ONNX ({'; '.join(failed)})")
    return {
        "framework": native.framework,
        "estimator": type(final_of(native.model)).__name__,
        "python": sys.version.split()[0],
        "converters": versions(),
        "candidates": candidates,
        "failed": failed,
        "cases": counts,
        "inputs": [port.to_json() for port in model.inputs],
        "outputs": [port.to_json() for port in model.outputs],
        "refuses": refusals.to_json(),
    }


def _write_candidates(native, features: Features, port, job: str) -> tuple[list[dict], list[str]]:
    written, failed = [], []
    for one in converted(native, features):
        if isinstance(one, str):
            failed.append(one)
            continue
        for answer in answers_of(one, native, port):
            if len(written) == MAX_CANDIDATES:
                return written, failed
            name = one.name if answer.column is None else f"{one.name}, column {answer.column}"
            try:
                content = wrapped(one, features, port, answer)
            except Exception as error:
                failed.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
                continue
            target = os.path.join(job, f"candidate-{len(written)}")
            os.mkdir(target)
            with open(os.path.join(target, "model.onnx"), "wb") as file:
                file.write(content)
            written.append({"folder": os.path.basename(target), "name": name})
    return written, failed


def _write_cases(path: str, predict, features: Features, cases: dict) -> list[dict]:
    """Per piece of a case a u32 length and the inputs, a u32 length and what the original answers to them."""
    counts = []
    with open(path, "wb") as file:
        for name, rows in cases.items():
            total = len(rows[0])
            pieces = 0
            for start in range(0, total, ROWS_AT_ONCE):
                arrays = features.join(rows_of(rows, slice(start, start + ROWS_AT_ONCE)))
                answer = predict(arrays)
                if len(answer) != len(rows[0][start : start + ROWS_AT_ONCE]):
                    raise ValueError("it doesn't answer one value per row")
                named = [(port.name, port.datatype, array) for port, array in zip(features.ports, arrays)]
                _write_tensors(file, named)
                _write_tensors(file, [("answer", tensors.datatype_of(answer), answer)])
                pieces += 1
            counts.append({"name": name, "rows": total, "pieces": pieces})
    return counts


def _write_tensors(file, named: list) -> None:
    parts = [memoryview(part).cast("B") for part in tensors.write(named) if memoryview(part).nbytes > 0]
    file.write(struct.pack("<I", sum(part.nbytes for part in parts)))
    for part in parts:
        file.write(part)


def _sample_of(features: Features, folder: str) -> list[np.ndarray] | None:
    """Rows of the training that were logged into the model's folder; None when there are none that fit."""
    import pandas as pd

    for name in SAMPLES:
        path = os.path.join(folder, name)
        if not os.path.isfile(path) or os.path.getsize(path) > MAX_SAMPLE_BYTES:
            continue
        table = pd.read_csv(path) if name.endswith(".csv") else pd.read_parquet(path)
        names = features.names if features.is_table else list(table.columns)[: features.count]
        try:
            table = table[names].head(10_000)
            columns = [
                _column_of(table.iloc[:, at], datatype) for at, datatype in enumerate(features.datatypes)
            ]
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise NotCompiled(f"its {name} doesn't hold what the model takes: {error}") from error
        return columns if len(table) > 0 else None
    return None


def _column_of(series, datatype: str) -> np.ndarray:
    if datatype == "BYTES":
        return np.array([tensors.text_of(value) for value in series], dtype=object)
    return series.to_numpy().astype(tensors.DTYPES[datatype])


def _texts_of(model, depth: int = 0) -> list[str]:
    """Categories that encoders inside of a pipeline know."""
    found: list[str] = []
    for values in getattr(model, "categories_", None) or []:
        found += [value for value in np.ravel(values).tolist() if isinstance(value, str)]
    if depth < 6:
        for _, part, *_ in [*getattr(model, "steps", []), *getattr(model, "transformers_", [])]:
            found += _texts_of(part, depth + 1)
    return found
