"""Measures the classifier on rows that training never saw. The gate in slipway.yaml reads these metrics."""

import joblib
import mlflow
from sklearn.metrics import accuracy_score, log_loss

from data import split


def main():
    _, rows, _, digits = split()
    classifier = joblib.load("classifier.joblib")
    metrics = {
        "accuracy": accuracy_score(digits, classifier.predict(rows)),
        "log_loss": log_loss(digits, classifier.predict_proba(rows)),
    }
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    with mlflow.start_run():
        mlflow.log_metrics(metrics)


if __name__ == "__main__":
    main()
