"""A converted model with the inputs and outputs that the MLflow model has."""

from __future__ import annotations

import onnx
from onnx import TensorProto, compose, helper

from .convert import Converted
from .native import Native, final_of, is_classifier
from .table import Features

ELEMENTS = {
    "BOOL": TensorProto.BOOL, "INT8": TensorProto.INT8, "INT16": TensorProto.INT16, "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32, "UINT64": TensorProto.UINT64, "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING,
}
INSIDE = "compiled/"
IR_VERSION = 8
MAX_SIZE = 512 * 2**20


class Answer:
    """An output of a converted model that may be what `predict` answers; `column` takes one of a matrix."""

    def __init__(self, name: str, column: int | None = None):
        self.name = name
        self.column = column


def answers_of(converted: Converted, native: Native, port) -> list[Answer]:
    """Which outputs to try, the likeliest first."""
    outputs = [output.name for output in converted.model.graph.output]
    is_score = port.datatype.startswith("FP")
    if len(outputs) == 1:
        return [Answer(outputs[0])]
    label, scores = outputs[0], outputs[1]
    if native.function == "predict" and is_classifier(final_of(native.model)):
        return [Answer(label)]
    if native.function != "predict":
        if native.function not in ("predict_proba", "decision_function"):
            raise ValueError(f"it answers by {native.function}")
        # Of two classes a decision function gives one number.
        return [Answer(scores)] if len(port.shape) == 2 else [Answer(scores, 1), Answer(scores, 0), Answer(scores)]
    # A booster without scikit-learn's interface answers probabilities, or its objective's own numbers.
    if is_score and len(port.shape) == 1:
        return [Answer(scores, 1), Answer(scores), Answer(label)]
    return [Answer(scores), Answer(label)]


def wrapped(converted: Converted, features: Features, port, answer: Answer) -> bytes:
    """The ONNX file. `port`: the one output of the MLflow model."""
    model = type(converted.model)()
    model.CopyFrom(converted.model)
    compose.add_prefix(model, INSIDE, inplace=True)
    graph = model.graph
    nodes, constants = [], []
    inner = {given.name: _element(given) for given in graph.input}
    if features.is_table:
        constants.append(helper.make_tensor("column shape", TensorProto.INT64, [2], [-1, 1]))
        if converted.is_matrix:
            ((matrix, element),) = inner.items()
            columns = [f"column {at} in the matrix" for at in range(features.count)]
            for at, name in enumerate(features.names):
                nodes += _column(name, at, columns[at], element)
            nodes.append(helper.make_node("Concat", columns, [matrix], axis=1))
        else:
            for at, name in enumerate(features.names):
                # A converter leaves out what the model doesn't look at.
                if f"{INSIDE}{name}" in inner:
                    nodes += _column(name, at, f"{INSIDE}{name}", inner[f"{INSIDE}{name}"])
    else:
        ((matrix, element),) = inner.items()
        nodes.append(helper.make_node("Cast", [features.ports[0].name], [matrix], to=element))
    nodes += list(graph.node)
    result = f"{INSIDE}{answer.name}"
    if answer.column is not None:
        constants.append(helper.make_tensor("answer column", TensorProto.INT64, [1], [answer.column]))
        nodes.append(helper.make_node("Gather", [result, "answer column"], ["answer chosen"], axis=1))
        result = "answer chosen"
    rest = [int(size) for size in port.shape[1:]]
    if any(size < 1 for size in rest):
        raise ValueError("the number of values per row that it answers isn't known")
    constants.append(helper.make_tensor("answer shape", TensorProto.INT64, [1 + len(rest)], [-1, *rest]))
    element = ELEMENTS[port.datatype]
    nodes.append(helper.make_node("Reshape", [result, "answer shape"], ["answer shaped"]))
    nodes.append(helper.make_node("Cast", ["answer shaped"], [port.name], to=element))
    whole = helper.make_graph(
        nodes,
        "compiled",
        [_input(given) for given in features.ports],
        [helper.make_tensor_value_info(port.name, element, ["rows", *rest])],
        [*graph.initializer, *constants],
    )
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    # What was added needs no more; raising it further would give other nodes another meaning.
    opsets[""] = max(opsets.get("", 1), 9)
    made = helper.make_model(
        whole,
        producer_name="slipway",
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
        functions=list(model.functions),
    )
    made.ir_version = IR_VERSION
    if made.ByteSize() > MAX_SIZE:
        raise ValueError(f"as ONNX it has {made.ByteSize() >> 20} MiB; {MAX_SIZE >> 20} are allowed")
    onnx.checker.check_model(made)
    return made.SerializeToString()


def _column(name: str, at: int, result: str, element: int) -> list:
    """Values [n] as [n, 1], in the type that is computed with."""
    shaped = f"column {at} shaped"
    reshape = helper.make_node("Reshape", [name, "column shape"], [shaped])
    if element == TensorProto.STRING:
        return [reshape, helper.make_node("Identity", [shaped], [result])]
    return [reshape, helper.make_node("Cast", [shaped], [result], to=element)]


def _element(port) -> int:
    return port.type.tensor_type.elem_type


def _input(port):
    shape = ["rows", *(int(size) for size in port.shape[1:])]
    return helper.make_tensor_value_info(port.name, ELEMENTS[port.datatype], shape)
