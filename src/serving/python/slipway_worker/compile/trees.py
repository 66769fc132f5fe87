"""Tree ensembles of ONNX in the precision of the framework that trained them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

ENSEMBLES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
# Operator set of ai.onnx.ml.
DOUBLES_SINCE = 3
TREE_LISTS = {"TreeEnsembleRegressor": "target", "TreeEnsembleClassifier": "class"}


def round_before_trees(model) -> None:
    """Rounds what trees compare to float32 and back, as scikit-learn does with all that it gives to its trees."""
    nodes = []
    for node in model.graph.node:
        if node.op_type in ENSEMBLES:
            given = node.input[0]
            single, rounded = f"{node.name}_{given}_single", f"{node.name}_{given}_rounded"
            nodes.append(helper.make_node("Cast", [given], [single], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Cast", [single], [rounded], to=TensorProto.DOUBLE))
            node.input[0] = rounded
        nodes.append(node)
    _replace_nodes(model, nodes)


def send_missing(model, trees: list) -> None:
    """
    Sends missing values the way that scikit-learn's trees send them, which its converter leaves out. Nothing changes
    where its nodes aren't recognised as those of the trees.
    """
    ensembles = [node for node in model.graph.node if node.op_type in ENSEMBLES]
    if len(ensembles) != 1:
        return
    attributes = {attribute.name: attribute for attribute in ensembles[0].attribute}
    places = zip(
        attributes["nodes_treeids"].ints,
        attributes["nodes_nodeids"].ints,
        attributes["nodes_featureids"].ints,
        attributes["nodes_modes"].strings,
    )
    tracks = []
    for tree, node, feature, mode in places:
        if mode == b"LEAF":
            tracks.append(0)
            continue
        inner = trees[tree].tree_ if tree < len(trees) else None
        if inner is None or node >= inner.node_count or inner.feature[node] != feature:
            return
        if not hasattr(inner, "missing_go_to_left"):
            return
        tracks.append(int(inner.missing_go_to_left[node]))
    known = attributes.get("nodes_missing_value_tracks_true")
    if known is not None:
        ensembles[0].attribute.remove(known)
    ensembles[0].attribute.append(helper.make_attribute("nodes_missing_value_tracks_true", tracks))


def in_double(model, booster) -> None:
    """Gives LightGBM's trees their thresholds in double, which their converter rounds to float32."""
    thresholds = _thresholds_of(booster)
    for node in [node for node in model.graph.node if node.op_type in ENSEMBLES]:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        modes = attributes["nodes_modes"].strings
        if any(mode not in (b"LEAF", b"BRANCH_LEQ") for mode in modes):
            raise ValueError("it splits at categories, or otherwise than by a threshold")
        values = list(attributes["nodes_values"].floats)
        trees, features = attributes["nodes_treeids"].ints, attributes["nodes_featureids"].ints
        for at, (mode, value) in enumerate(zip(modes, values)):
            if mode == b"LEAF":
                continue
            known = thresholds.get((trees[at], features[at], np.float32(value)), set())
            if len(known) != 1:
                raise ValueError("two thresholds of a tree are the same in float32")
            (values[at],) = known
        prefix = TREE_LISTS[node.op_type]
        doubles = {"nodes_values": values, f"{prefix}_weights": list(attributes[f"{prefix}_weights"].floats)}
        if "base_values" in attributes:
            doubles["base_values"] = list(attributes["base_values"].floats)
        kept = [a for a in node.attribute if a.name not in (*doubles, "nodes_hitrates")]
        del node.attribute[:]
        node.attribute.extend(kept)
        for name, numbers in doubles.items():
            tensor = helper.make_tensor(name, TensorProto.DOUBLE, [len(numbers)], numbers)
            node.attribute.append(helper.make_attribute(f"{name}_as_tensor", tensor))
    for port in model.graph.input:
        port.type.tensor_type.elem_type = TensorProto.DOUBLE
    for opset in model.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = max(opset.version, DOUBLES_SINCE)


def _thresholds_of(booster) -> dict[tuple[int, int, np.float32], set[float]]:
    found: dict[tuple[int, int, np.float32], set[float]] = {}
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        waiting = [tree["tree_structure"]]
        while waiting:
            node = waiting.pop()
            if "split_feature" not in node:
                continue
            if isinstance(node["threshold"], float):
                key = (number, node["split_feature"], np.float32(node["threshold"]))
                found.setdefault(key, set()).add(node["threshold"])
            waiting += [node["left_child"], node["right_child"]]
    return found


def _replace_nodes(model, nodes: list) -> None:
    kept = [copied(node) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def copied(node):
    other = type(node)()
    other.CopyFrom(node)
    return other
