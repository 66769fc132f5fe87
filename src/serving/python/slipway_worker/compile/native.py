"""The model behind MLflow's wrapper, and the thresholds that its trees split at."""

from __future__ import annotations

import json
import sys

import numpy as np

LOADERS = {"mlflow.sklearn": "sklearn", "mlflow.xgboost": "xgboost", "mlflow.lightgbm": "lightgbm"}
PACKAGES = {"sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm"}
MAX_THRESHOLDS = 200_000


class Native:
    """`model` in its own framework; `function` is what `predict` of the MLflow model calls of it."""

    def __init__(self, flavor: str, model, function: str):
        self.flavor = flavor
        self.model = model
        self.function = function

    @property
    def framework(self) -> str:
        return f"{PACKAGES[self.flavor]} {sys.modules[self.flavor].__version__}"


def native_of(pyfunc) -> Native:
    """ValueError says why there is none that can be converted."""
    declared = pyfunc.metadata.flavors.get("python_function", {})
    loader = declared.get("loader_module")
    flavor = LOADERS.get(loader)
    if flavor is None:
        raise ValueError(f"models of {loader} aren't compiled")
    wrapper = getattr(pyfunc, "_model_impl", None)
    attribute = {"sklearn": "sklearn_model", "xgboost": "xgb_model", "lightgbm": "lgb_model"}[flavor]
    model = getattr(wrapper, attribute, None)
    if model is None:
        model = wrapper if hasattr(wrapper, "get_params") else None
    if model is None:
        raise ValueError("this version of MLflow doesn't give the model behind its wrapper")
    # What a search found is what predicts.
    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    return Native(flavor, model, declared.get("predict_fn", "predict"))


def final_of(model):
    """The estimator at the end of a pipeline."""
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    return model


def is_classifier(model) -> bool:
    """True for an estimator that answers labels; a booster without scikit-learn's interface is none."""
    if hasattr(model, "predict_proba"):
        return True
    if "sklearn" not in sys.modules or not hasattr(model, "get_params"):
        return False
    from sklearn.base import is_classifier as known

    return bool(known(model))


def module_of(model) -> str:
    return type(model).__module__.split(".")[0]


def thresholds_of(native: Native, features: int) -> list[np.ndarray]:
    """Per feature of the inputs, where trees split it; empty where nothing says so, as behind a transformation."""
    found: list[list[float]] = [[] for _ in range(features)]
    if hasattr(native.model, "steps"):
        return [np.empty(0) for _ in found]
    try:
        pairs = {
            "sklearn": _of_sklearn,
            "xgboost": _of_xgboost,
            "lightgbm": _of_lightgbm,
        }[module_of(native.model)](native.model)
        for count, (feature, threshold) in enumerate(pairs):
            if count >= MAX_THRESHOLDS:
                break
            if 0 <= feature < features and np.isfinite(threshold):
                found[feature].append(threshold)
    except Exception as error:  # other versions keep their trees elsewhere: boundaries are searched for as well
        print(f"its thresholds can't be read: {type(error).__name__}: {error}", file=sys.stderr)
    return [np.unique(np.asarray(values, "f8")) for values in found]


def _of_sklearn(model):
    for tree in trees_of(model):
        inner = tree.tree_
        for feature, threshold in zip(inner.feature, inner.threshold):
            yield int(feature), float(threshold)


def trees_of(model):
    """Of scikit-learn, in the order of their training."""
    if hasattr(model, "tree_"):
        yield model
    for member in np.ravel(getattr(model, "estimators_", [])):
        yield from trees_of(member)


def _of_xgboost(model):
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    for tree in learner.get("model", learner.get("gbtree", {}).get("model", {}))["trees"]:
        for left, feature, threshold in zip(
            tree["left_children"], tree["split_indices"], tree["split_conditions"]
        ):
            if left >= 0:
                yield int(feature), float(np.float32(threshold))


def _of_lightgbm(model):
    booster = model.booster_ if hasattr(model, "booster_") else model
    for tree in booster.dump_model()["tree_info"]:
        waiting = [tree["tree_structure"]]
        while waiting:
            node = waiting.pop()
            if "split_feature" in node:
                if node["decision_type"] == "<=":
                    yield int(node["split_feature"]), float(node["threshold"])
                waiting += [node["left_child"], node["right_child"]]
