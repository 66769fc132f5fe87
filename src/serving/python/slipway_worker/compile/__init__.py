"""Writes a scikit-learn, XGBoost or LightGBM model as ONNX, with the cases that show whether it is still the same."""
