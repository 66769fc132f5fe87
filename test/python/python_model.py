"""Trains, logs and registers a scikit-learn model the way a training script does, without ONNX and without a contract."""

import sys

import mlflow
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

# Plainly pinned to what is installed, as mlflow writes it by default, without the time it takes to find out.
versions = {name: sys.modules[name].__version__ for name in ("mlflow", "numpy", "pandas", "sklearn")}
pins = [f"{'scikit-learn' if name == 'sklearn' else name}=={version}" for name, version in versions.items()]

rows = pd.DataFrame({"plan": ["basic", "pro", "basic", "team"] * 25, "months": np.arange(100, dtype="float64")})
leaves = ((rows["months"] > 50) | (rows["plan"] == "team")).astype("int64").to_numpy()
encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["plan"]), remainder="passthrough")
model = make_pipeline(encode, DecisionTreeClassifier()).fit(rows, leaves)

with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        registered_model_name="leaves",
        input_example=rows.iloc[[0, 3, 60]],
        pip_requirements=pins,
        serialization_format="cloudpickle",
    )
