"""Trains with Spark ML in local mode under mlflow.pyspark.ml.autolog; prints one JSON object of what was logged."""

import json
import sys

import mlflow
import pyspark
from mlflow import MlflowClient
from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.ml.tuning import ParamGridBuilder, TrainValidationSplit
from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "768m")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.default.parallelism", "2")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
seen = {"versions": [mlflow.__version__, pyspark.__version__]}
client = MlflowClient()
experiment = mlflow.set_experiment("spark").experiment_id
mlflow.pyspark.ml.autolog()

rows = [(float(i % 7), float(i % 5), float(i % 7 + i % 5 > 4)) for i in range(140)]
train, test = spark.createDataFrame(rows, ["x", "y", "label"]).randomSplit([0.7, 0.3], seed=1)
stages = lambda: [
    VectorAssembler(inputCols=["x", "y"], outputCol="raw"),
    StandardScaler(inputCol="raw", outputCol="features"),
    LogisticRegression(maxIter=5, regParam=0.01),
]
with mlflow.start_run(run_name="pipeline") as run:
    fitted = Pipeline(stages=stages()).fit(train)
    predicted = fitted.transform(test)
    area = BinaryClassificationEvaluator().evaluate(predicted)
    signature = mlflow.models.infer_signature(test.drop("label").toPandas(), predicted.select("prediction").toPandas())
    info = mlflow.spark.log_model(
        fitted,
        "net",
        signature=signature,
        registered_model_name="spark-net",
        pip_requirements=["pyspark"],
    )

got = client.get_run(run.info.run_id)
seen["params"] = {name: value for name, value in got.data.params.items() if name.endswith(("maxIter", "regParam"))}
seen["tags"] = [got.data.tags["estimator_name"], got.data.tags["estimator_class"]]
seen["metrics"] = {name: value == area for name, value in got.data.metrics.items()}
seen["files"] = sorted(file.path for file in client.list_artifacts(run.info.run_id))
expected = [row.prediction for row in predicted.select("prediction").collect()]
loaded = mlflow.spark.load_model("models:/spark-net/1")
seen["loaded"] = [row.prediction for row in loaded.transform(test).select("prediction").collect()] == expected
function = mlflow.pyfunc.load_model(info.model_uri)
seen["pyfunc"] = [float(p) for p in function.predict(test.drop("label").toPandas())] == expected

with mlflow.start_run(run_name="lone") as lone:
    assembled = stages()[0].transform(train).withColumnRenamed("raw", "features").select("features", "label")
    LogisticRegression(maxIter=3).fit(assembled)
got = client.get_run(lone.info.run_id)
seen["lone"] = [got.data.params["maxIter"], [i.dataset.source_type for i in got.inputs.dataset_inputs]]
seen["lone_loaded"] = type(mlflow.spark.load_model(f"runs:/{lone.info.run_id}/model").stages[0]).__name__

mlflow.pyspark.ml.autolog(log_models=False)
with mlflow.start_run(run_name="search") as search:
    line = LogisticRegression(maxIter=2)
    grid = ParamGridBuilder().addGrid(line.regParam, [0.0, 0.1, 10.0]).build()
    TrainValidationSplit(
        estimator=line, estimatorParamMaps=grid, evaluator=BinaryClassificationEvaluator(), seed=1
    ).fit(assembled)
children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{search.info.run_id}'")
seen["children"] = sorted(float(child.data.params["regParam"]) for child in children)
seen["measured"] = [sorted(child.data.metrics) for child in children]
got = client.get_run(search.info.run_id)
seen["best"] = got.data.params["best_LogisticRegression.regParam"]
seen["search_files"] = sorted(file.path for file in client.list_artifacts(search.info.run_id))

found = client.search_runs(
    [experiment], "params.maxIter = '3' AND tags.estimator_name = 'LogisticRegression'", order_by=["start_time DESC"]
)
seen["found"] = [r.info.run_name for r in found]
named = client.search_runs([experiment], "metrics.areaUnderROC_test > 0.9 AND attributes.status = 'FINISHED'")
seen["found_by_metric"] = [r.info.run_name for r in named]
spark.stop()
print()
json.dump(seen, sys.stdout)
