"""Ways to write a model as ONNX, the likeliest first. Each takes what the MLflow model takes and answers what it answers."""

from __future__ import annotations

import copy
import sys

from .native import Native, final_of, is_classifier, module_of, trees_of
from .table import Features, kind_of

OPSET = 17
ML_OPSET = 3
# The newest that the converters of boosters know.
BOOSTER_OPSET = 15
SKLEARN_TREES = ("sklearn.tree", "sklearn.ensemble._forest", "sklearn.ensemble._gb")
# Of float32 inside, as scikit-learn's own trees compare; of XGBoost everything is.
SINGLE, DOUBLE, DOUBLE_ROUNDED = "float32", "float64", "float64, rounded to float32 before trees"


class Converted:
    """A converter's model, and how its inputs are laid out: one matrix, or one column each."""

    def __init__(self, model, name: str, is_matrix: bool, precision: str):
        self.model = model
        self.name = name
        self.is_matrix = is_matrix
        self.precision = precision


def converted(native: Native, features: Features):
    """Yields `Converted`, or the reason why one way isn't there as text."""
    register_boosters(native.model)
    for is_matrix in _layouts(native, features):
        for precision in _precisions(native):
            name = f"{'one matrix' if is_matrix else 'a column each'}, {precision}"
            try:
                yield Converted(_convert(native, features, is_matrix, precision), name, is_matrix, precision)
            except Exception as error:
                yield f"{name}: {type(error).__name__}: {_first_line(error)}"


def _layouts(native: Native, features: Features) -> list[bool]:
    has_text = bool(features.of_kind("text"))
    if native.flavor != "sklearn":
        if has_text:
            raise ValueError("it takes columns of text")
        return [True]
    by_name = features.is_table and (has_text or hasattr(native.model, "steps") or hasattr(native.model, "transformers"))
    if by_name:
        return [False] if has_text else [False, True]
    return [True]


def _precisions(native: Native) -> list[str]:
    module = type(final_of(native.model)).__module__
    if module.startswith("xgboost"):
        return [SINGLE]
    if module.startswith("lightgbm"):
        return [DOUBLE, SINGLE]
    if module.startswith(SKLEARN_TREES):
        return [SINGLE, DOUBLE_ROUNDED, DOUBLE]
    return [DOUBLE, SINGLE]


def _convert(native: Native, features: Features, is_matrix: bool, precision: str):
    from skl2onnx.common import data_types as types

    if native.flavor != "sklearn" or module_of(native.model) in ("xgboost", "lightgbm"):
        return _convert_booster(native.model, features.count, precision)
    from skl2onnx import convert_sklearn

    number = types.FloatTensorType if precision == SINGLE else types.DoubleTensorType
    if is_matrix:
        initial = [("X", number([None, features.count]))]
    else:
        initial = [
            (name, types.StringTensorType([None, 1]) if kind_of(datatype) == "text" else number([None, 1]))
            for name, datatype in zip(features.names, features.datatypes)
        ]
    final = final_of(native.model)
    options = {}
    if is_classifier(final):
        options[id(final)] = {"zipmap": False}
    if native.function == "decision_function":
        options.setdefault(id(final), {})["raw_scores"] = True
    model = convert_sklearn(
        native.model,
        initial_types=initial,
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        **({"options": options} if options else {}),
    )
    from .trees import round_before_trees, send_missing

    send_missing(model, list(trees_of(final)))
    if precision == DOUBLE_ROUNDED:
        round_before_trees(model)
    return model


def _convert_booster(model, features: int, precision: str):
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    initial = [("X", FloatTensorType([None, features]))]
    if module_of(model) == "xgboost":
        return onnxmltools.convert_xgboost(
            _unnamed(model), initial_types=initial, target_opset=BOOSTER_OPSET
        )
    written = onnxmltools.convert_lightgbm(
        model, initial_types=initial, target_opset=BOOSTER_OPSET, zipmap=False
    )
    if precision == DOUBLE:
        from .trees import in_double

        in_double(written, model.booster_ if hasattr(model, "booster_") else model)
    return written


def _unnamed(model):
    """The converter takes features by number only."""
    model = copy.deepcopy(model)
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    booster.feature_names = None
    booster.feature_types = None
    return model


def register_boosters(model) -> None:
    """Lets scikit-learn's converter write pipelines that end in a booster."""
    module = module_of(final_of(model))
    if module not in ("xgboost", "lightgbm") or module == module_of(model):
        return
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    if module == "xgboost":
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as convert
    else:
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as convert
    final = final_of(model)
    if hasattr(final, "predict_proba"):
        update_registered_converter(
            type(final), type(final).__name__, calculate_linear_classifier_output_shapes, convert,
            options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
        )
    else:
        update_registered_converter(
            type(final), type(final).__name__, calculate_linear_regressor_output_shapes, convert,
            options={"split": None},
        )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().split("\n")
    return lines[0][:300]


def versions() -> dict[str, str]:
    """Of what wrote the model."""
    return {
        name: sys.modules[name].__version__
        for name in ("skl2onnx", "onnxmltools", "onnx")
        if name in sys.modules
    }

