"""Just enough of mlflow for a worker to load a model: model.py in the model's folder says what it does."""
