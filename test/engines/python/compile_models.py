"""Saves models of many kinds below a folder, one each: `compile_models.py FOLDER [NAME…]`."""

import os
import sys

import mlflow
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

iris, species = load_iris(return_X_y=True, as_frame=True)
words = species.map({0: "setosa", 1: "versicolor", 2: "virginica"})
diabetes, progress = load_diabetes(return_X_y=True, as_frame=True)
random = np.random.default_rng(0)
people = pd.DataFrame(
    {
        "plan": random.choice(["basic", "pro", "team"], 300),
        "months": random.normal(24, 12, 300),
        "seats": random.integers(1, 50, 300),
    }
)
leaves = ((people["months"] > 20) & (people["plan"] != "team") | (people["seats"] > 40)).astype("int64").to_numpy()


def mixed(final, handle_unknown="ignore", numeric=StandardScaler()):
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown=handle_unknown), ["plan"]), (numeric, ["months", "seats"])
    )
    return make_pipeline(encode, final).fit(people, leaves)


def holes(table):
    table = table.copy()
    table[random.random(table.shape) < 0.1] = np.nan
    return table


def sklearn(model, example, **more):
    return lambda path: mlflow.sklearn.save_model(
        model() if callable(model) and not hasattr(model, "fit") else model, path, input_example=example,
        pip_requirements=[], serialization_format="cloudpickle", **more,
    )


def xgboost(make, example, **more):
    return lambda path: mlflow.xgboost.save_model(make(), path, input_example=example, pip_requirements=[], **more)


def lightgbm(make, example, **more):
    return lambda path: mlflow.lightgbm.save_model(make(), path, input_example=example, pip_requirements=[], **more)


def xgb_classifier(table=iris, labels=species, **settings):
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=40, **settings).fit(table, labels)


def xgb_regressor():
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=60).fit(diabetes, progress)


def xgb_booster():
    import xgboost

    data = xgboost.DMatrix(people[["months", "seats"]].astype("float64"), label=leaves)
    return xgboost.train({"objective": "binary:logistic"}, data, num_boost_round=30)


def lgb_classifier(table=iris, labels=species):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=40, verbose=-1).fit(table, labels)


def lgb_regressor():
    from lightgbm import LGBMRegressor

    return LGBMRegressor(n_estimators=60, verbose=-1).fit(diabetes, progress)


def lgb_booster():
    import lightgbm

    data = lightgbm.Dataset(people[["months", "seats"]].astype("float64"), label=leaves)
    return lightgbm.train({"objective": "binary", "verbose": -1}, data, num_boost_round=30)


seats = people[["months", "seats"]].astype("float64")
MODELS = {
    "forest": sklearn(RandomForestClassifier(100, random_state=0).fit(iris, species), iris[:5]),
    "forest-matrix": sklearn(
        RandomForestClassifier(20, random_state=0).fit(iris.to_numpy(), species), iris.to_numpy()[:5]
    ),
    "forest-words": sklearn(RandomForestClassifier(20, random_state=0).fit(iris, words), iris[:5]),
    "forest-probabilities": sklearn(
        RandomForestClassifier(20, random_state=0).fit(iris, species), iris[:5], pyfunc_predict_fn="predict_proba"
    ),
    "forest-regressor": sklearn(RandomForestRegressor(30, random_state=0).fit(diabetes, progress), diabetes[:5]),
    "tree": sklearn(DecisionTreeClassifier(random_state=0).fit(iris, species), iris[:5]),
    "boosting": sklearn(GradientBoostingClassifier(n_estimators=30, random_state=0).fit(iris, species), iris[:5]),
    "boosting-regressor": sklearn(GradientBoostingRegressor(random_state=0).fit(diabetes, progress), diabetes[:5]),
    "histogram-boosting": sklearn(HistGradientBoostingClassifier(max_iter=20).fit(holes(iris), species), iris[:5]),
    "logistic": sklearn(LogisticRegression(max_iter=500).fit(iris, species), iris[:5]),
    "logistic-probabilities": sklearn(
        LogisticRegression(max_iter=500).fit(iris, species), iris[:5], pyfunc_predict_fn="predict_proba"
    ),
    "linear": sklearn(LinearRegression().fit(diabetes, progress), diabetes[:5]),
    "searched": sklearn(
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3]}).fit(iris, species), iris[:5]
    ),
    "scaled-logistic": sklearn(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(iris, species), iris[:5]
    ),
    "scaled-forest": sklearn(
        make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(iris, species), iris[:5]
    ),
    "imputed-forest": sklearn(
        make_pipeline(SimpleImputer(), RandomForestClassifier(20, random_state=0)).fit(holes(iris), species), iris[:5]
    ),
    "columns-logistic": sklearn(lambda: mixed(LogisticRegression()), people[:5]),
    "columns-forest": sklearn(lambda: mixed(RandomForestClassifier(20, random_state=0)), people[:5]),
    "columns-strict": sklearn(lambda: mixed(LogisticRegression(), handle_unknown="error"), people[:5]),
    "own-function": sklearn(
        make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression(max_iter=500)).fit(iris, species), iris[:5]
    ),
    "neighbours": sklearn(KNeighborsClassifier().fit(iris, species), iris[:5]),
    "support-vectors": sklearn(SVC().fit(iris, species), iris[:5]),
    "counts": sklearn(MultinomialNB().fit(iris, species), iris[:5]),
    "xgboost-classifier": xgboost(xgb_classifier, iris[:5]),
    "xgboost-two-classes": xgboost(lambda: xgb_classifier(seats, leaves), seats[:5]),
    "xgboost-missing": xgboost(lambda: xgb_classifier(holes(iris)), iris[:5]),
    "xgboost-regressor": xgboost(xgb_regressor, diabetes[:5]),
    "xgboost-booster": xgboost(xgb_booster, seats[:5]),
    "xgboost-pipeline": sklearn(
        lambda: make_pipeline(StandardScaler(), __import__("xgboost").XGBClassifier(n_estimators=20)).fit(iris, species),
        iris[:5],
    ),
    "lightgbm-classifier": lightgbm(lgb_classifier, iris[:5]),
    "lightgbm-two-classes": lightgbm(lambda: lgb_classifier(seats, leaves), seats[:5]),
    "lightgbm-missing": lightgbm(lambda: lgb_classifier(holes(iris)), iris[:5]),
    "lightgbm-regressor": lightgbm(lgb_regressor, diabetes[:5]),
    "lightgbm-booster": lightgbm(lgb_booster, seats[:5]),
    "lightgbm-whole": lightgbm(lambda: lgb_classifier(people[["seats"]], leaves), people[["seats"]][:5]),
}

if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for name in names or MODELS:
        MODELS[name](os.path.join(folder, name))
