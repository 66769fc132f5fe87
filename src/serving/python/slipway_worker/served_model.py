"""An MLflow model, with its inputs and outputs as named tensors."""

from __future__ import annotations

import contextlib
import json
import os

import numpy as np

from . import outputs
from .ports import InputBuilder, Port, ports_of
from .tensors import datatype_of, text_of


class ServedModel:
    """Loads the model of a folder and answers its example, when there is one."""

    def __init__(self, folder: str):
        import mlflow.pyfunc

        # What MLflow's own scoring server says, so that a model can tell where it is.
        os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
        self.notes: list[str] = []
        self._model = mlflow.pyfunc.load_model(folder)
        metadata = self._model.metadata
        example = _example_of(metadata, folder)
        schema = metadata.get_input_schema()
        output_schema = metadata.get_output_schema()
        first = None
        if schema is None:
            if example is None:
                raise LookupError(
                    "the model has neither a signature nor an input example, so what it takes isn't known"
                )
            from mlflow.models import infer_signature

            first = self._model.predict(example)
            schema = infer_signature(example).inputs
            self.notes.append("it has no signature: what it takes is inferred from its input example")
        from_type_hint = bool(_flag(metadata, "_is_signature_from_type_hint"))
        self.inputs = ports_of(schema, "input")
        self._builder = InputBuilder(schema, self.inputs, from_type_hint)
        self._predict = self._direct() if not from_type_hint else self._model.predict
        self.example = None if example is None else self._example_tensors(example)
        self.outputs = [] if output_schema is None else ports_of(output_schema, "output")
        self.answer = None
        if self.example is not None:
            self._learn_outputs(outputs.named_arrays(self.predict(self.example)))
        elif first is not None:
            self._learn_outputs(outputs.named_arrays(first))
        elif not self.outputs:
            raise LookupError(
                "the model has no signature of its outputs and no input example, so what it answers isn't known"
            )

    @property
    def pyfunc(self):
        """MLflow's own model."""
        return self._model

    @property
    def is_direct(self) -> bool:
        """True when the flavour's own function answers, without MLflow's check of the input."""
        return self._predict == getattr(self._model, "_predict_fn", None)

    def predict(self, arrays: list[np.ndarray]):
        """What the model itself returns."""
        return self._predict(self._builder.build(arrays))

    def run(self, arrays: list[np.ndarray]) -> list[tuple[str, str, np.ndarray]]:
        """One inference: (name, datatype, array) in the order of `outputs`."""
        return self._in_order(outputs.named_arrays(self.predict(arrays)))

    def invoke(self, content_type: str, body: bytes) -> tuple[int, str, bytes]:
        """MLflow's `/invocations`, by the very functions of its scoring server: status, content type, body."""
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc import scoring_server

        try:
            data = body if content_type.startswith("application/vnd") else body.decode("utf-8")
        except UnicodeDecodeError as error:
            return 400, "application/json", _mlflow_error("BAD_REQUEST", f"the body isn't UTF-8: {error}")
        try:
            result = scoring_server.invocations(
                data, content_type, self._model, self._model.metadata.get_input_schema()
            )
        except MlflowException as error:
            return error.get_http_status_code(), "application/json", error.serialize_as_json().encode("utf-8")
        return result.status, result.mimetype, result.response.encode("utf-8")

    def _direct(self):
        """The flavour's own function where MLflow's check of the input adds nothing to that of our ports."""
        metadata = self._model.metadata
        checked = (
            metadata.get_params_schema() is not None
            or _flag(metadata, "_is_type_hint_from_example")
            or any(port.column is not None and port.column not in _PLAIN for port in self.inputs)
        )
        direct = getattr(self._model, "_predict_fn", None)
        return self._model.predict if checked or direct is None else direct

    def _example_tensors(self, example) -> list[np.ndarray] | None:
        """The example as tensors of the inputs; None, with a note, when it isn't one."""
        try:
            named = dict(outputs.named_arrays(example))
            if len(self.inputs) == 1 and len(named) == 1:
                named = {self.inputs[0].name: next(iter(named.values()))}
            arrays = []
            for port in self.inputs:
                array = _as_text(named[port.name]) if port.datatype == "BYTES" else named[port.name]
                arrays.append(outputs.cast(port.name, array, port.datatype))
            return arrays
        except (KeyError, TypeError, ValueError) as error:
            self.notes.append(f"its input example can't be used: {type(error).__name__}: {error}")
            return None

    def _learn_outputs(self, answered: list[tuple[str, np.ndarray]]) -> None:
        """Outputs are what the signature says where the answer fits; otherwise what was answered."""
        declared = self.outputs
        if len(declared) == len(answered):
            try:
                self.answer = self._in_order(answered)
                for port, (_, _, array) in zip(declared, self.answer):
                    if len(port.shape) != array.ndim:
                        port.shape = [-1, *array.shape[1:]]
                return
            except TypeError as error:
                self.notes.append(f"its answer isn't what its signature says: {error}")
        elif declared:
            self.notes.append(f"it answers {len(answered)} outputs, its signature names {len(declared)}")
        self.outputs = [
            Port(name, datatype_of(array), [-1, *array.shape[1:]]) for name, array in answered
        ]
        self.answer = self._in_order(answered)

    def _in_order(self, answered: list[tuple[str, np.ndarray]]) -> list[tuple[str, str, np.ndarray]]:
        by_name = dict(answered)
        named_alike = all(port.name in by_name for port in self.outputs)
        if len(answered) < len(self.outputs) or (not named_alike and len(answered) != len(self.outputs)):
            names = ", ".join(repr(name) for name, _ in answered[:20])
            expected = ", ".join(repr(port.name) for port in self.outputs[:20])
            raise TypeError(f"the model answered with {names}; {expected} are expected")
        ordered = []
        for at, port in enumerate(self.outputs):
            array = by_name[port.name] if named_alike else answered[at][1]
            ordered.append((port.name, port.datatype, outputs.cast(port.name, array, port.datatype)))
        return ordered


# Types of columns that a built DataFrame has already.
_PLAIN = {"boolean", "integer", "long", "float", "double", "string", "datetime", "binary"}


def _example_of(metadata, folder: str):
    """The saved input example, or None. One with parameters is a pair in MLflow."""
    if getattr(metadata, "saved_input_example_info", None) is None:
        return None
    if hasattr(metadata, "load_input_example"):
        example = metadata.load_input_example(folder)
    else:
        from mlflow.models.utils import _read_example

        example = _read_example(metadata, folder)
    return example[0] if isinstance(example, tuple) else example


def _as_text(array: np.ndarray) -> np.ndarray:
    texts = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        texts[index] = text_of(array[index])
    return texts


def _flag(metadata, name: str):
    with contextlib.suppress(Exception):
        return getattr(metadata, name)()
    return False


def _mlflow_error(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode("utf-8")

