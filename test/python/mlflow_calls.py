"""Makes the calls of the unchanged mlflow client that scripts seldom make; prints one JSON object of what it saw."""

import json
import os
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.genai import datasets

seen = {}
client = MlflowClient()
first = mlflow.set_experiment("datasets-1").experiment_id
second = client.create_experiment("datasets-2")

made = datasets.create_dataset(name="qa", experiment_id=first, tags={"team": "red", "mlflow.user": "ann"})
seen["made"] = [made.name, made.experiment_ids, made.tags["team"], made.created_by, made.schema, made.profile]
made.merge_records(
    [
        {"inputs": {"q": "one"}, "expectations": {"a": "1"}, "tags": {"k": "v"}},
        {"inputs": {"q": "two", "n": 2}, "outputs": "plain"},
        {
            "inputs": {"q": "three"},
            "outputs": {"text": "x", "score": 0.5},
            "source": {"source_type": "TRACE", "source_data": {"trace_id": "tr-1"}},
        },
    ]
)
made.merge_records([{"inputs": {"q": "one"}, "expectations": {"b": "2"}, "outputs": {"text": "y"}}])
got = datasets.get_dataset(dataset_id=made.dataset_id)
by_question = {record.inputs["q"]: record for record in client.get_dataset(made.dataset_id).records}
one, three = by_question["one"], by_question["three"]
seen["one"] = [one.outputs, one.expectations, one.tags["k"], one.last_update_time >= one.created_time]
seen["two"] = [by_question["two"].outputs, by_question["two"].inputs]
seen["three"] = [three.outputs, three.source_id, three.source_type, three.source.source_data]
seen["schema"] = json.loads(got.schema)
seen["profile"] = json.loads(got.profile)
seen["digest"] = [len(got.digest), got.digest == made.digest]
seen["frame"] = sorted(got.to_df().columns)
seen["deleted_records"] = got.delete_records([one.dataset_record_id, "dr-none"])
seen["left"] = sorted(record.inputs["q"] for record in client.get_dataset(made.dataset_id).records)

datasets.set_dataset_tags(dataset_id=made.dataset_id, tags={"team": "blue", "stage": "dev"})
datasets.delete_dataset_tag(dataset_id=made.dataset_id, key="stage")
seen["tags"] = datasets.get_dataset(dataset_id=made.dataset_id).tags
datasets.add_dataset_to_experiments(dataset_id=made.dataset_id, experiment_ids=[second])
seen["both"] = sorted(datasets.get_dataset(dataset_id=made.dataset_id).experiment_ids) == sorted([first, second])
datasets.remove_dataset_from_experiments(dataset_id=made.dataset_id, experiment_ids=[first])
seen["second"] = datasets.get_dataset(dataset_id=made.dataset_id).experiment_ids == [second]

for index in range(3):
    datasets.create_dataset(name=f"many-{index}", experiment_id=first)
found = lambda **how: [dataset.name for dataset in datasets.search_datasets(**how)]
seen["search"] = [
    found(filter_string="name LIKE 'many-%'", order_by=["name DESC"]),
    found(experiment_ids=[second]),
    found(filter_string="tags.team = 'blue'"),
    found(max_results=2, order_by=["name ASC"]),
]
page = client.search_datasets(max_results=2, order_by=["name ASC"])
seen["pages"] = [[d.name for d in page], [d.name for d in client.search_datasets(max_results=2, order_by=["name ASC"], page_token=page.token)]]
datasets.delete_dataset(dataset_id=made.dataset_id)
try:
    datasets.get_dataset(dataset_id=made.dataset_id)
except MlflowException as error:
    seen["gone"] = error.error_code

genai = mlflow.genai
prompt = genai.register_prompt("greet", "Hello {{name}}", commit_message="first", tags={"lang": "en"})
chat = genai.register_prompt("greet", [{"role": "user", "content": "Hi {{name}}"}])
seen["versions"] = [prompt.version, chat.version]
genai.set_prompt_alias("greet", alias="live", version=1)
live = genai.load_prompt("prompts:/greet@live")
seen["live"] = [live.template, live.format(name="Ann"), live.commit_message, live.tags, live.variables == {"name"}]
seen["chat"] = genai.load_prompt("greet", version=2).template
client.set_prompt_tag("greet", "owner", "ann")
client.set_prompt_version_tag("greet", 1, "checked", "yes")
seen["prompt_tags"] = [client.get_prompt("greet").tags, genai.load_prompt("prompts:/greet/1").tags]
client.delete_prompt_tag("greet", "owner")
client.delete_prompt_version_tag("greet", 1, "checked")
seen["fewer_tags"] = [client.get_prompt("greet").tags, genai.load_prompt("prompts:/greet/1").tags]
client.create_registered_model("a-model")
genai.register_prompt("other", "x")
seen["prompts"] = sorted(p.name for p in genai.search_prompts())
seen["prompts_like"] = [p.name for p in genai.search_prompts(filter_string="name LIKE 'gr%'")]
seen["models"] = [m.name for m in client.search_registered_models()]
only_prompts = "name = 'greet' AND tag.`mlflow.prompt.is_prompt` = 'true'"
seen["prompt_versions"] = len(client.search_model_versions(only_prompts))
genai.delete_prompt_alias("greet", alias="live")
seen["no_alias"] = genai.load_prompt("prompts:/greet@live", allow_missing=True) is None
client.delete_prompt_version("greet", 2)
seen["no_version"] = genai.load_prompt("prompts:/greet/2", allow_missing=True) is None
store = client._tracking_client.store
judge = json.dumps({"name": "polite", "builtin_scorer_class": "Safety"})
versions = [store.register_scorer(first, "polite", judge) for _ in range(2)]
seen["scorers"] = [v.scorer_version for v in versions] + [versions[0].scorer_id == versions[1].scorer_id]
seen["scorer"] = [store.get_scorer(first, "polite").scorer_version, store.get_scorer(first, "polite", 1).scorer_version]
seen["listed"] = [[s.scorer_name, s.scorer_version] for s in store.list_scorers(first)]
store.delete_scorer(first, "polite", 1)
seen["scorers_left"] = [s.scorer_version for s in store.list_scorer_versions(first, "polite")]
store.delete_scorer(first, "polite")
try:
    store.get_scorer(first, "polite")
except MlflowException as error:
    seen["no_scorer"] = error.error_code
try:
    store.register_scorer(first, "code", json.dumps({"name": "code", "call_source": "import os"}))
except MlflowException as error:
    seen["code"] = error.error_code

receiver = os.environ["RECEIVER_URL"]
hook = client.create_webhook("hook", f"{receiver}/client", ["registered_model.created"], secret="s3cret")
seen["hook"] = [hook.name, [str(event) for event in hook.events], str(hook.status), hook.secret]
tested = client.test_webhook(hook.webhook_id, "model_version.created")
seen["tested"] = [tested.success, tested.response_status, tested.response_body]
client.create_registered_model("told-model", description="d")
changed = client.update_webhook(hook.webhook_id, status="DISABLED", events=["prompt.created"])
seen["changed"] = [str(changed.status), [str(event) for event in client.get_webhook(hook.webhook_id).events]]
seen["hooks"] = [found.name for found in client.list_webhooks()]
client.delete_webhook(hook.webhook_id)
seen["hooks_left"] = len(client.list_webhooks())
try:
    client.create_webhook("hook", "ftp://example.test", ["prompt.created"])
except MlflowException as error:
    seen["refused_hook"] = error.error_code
client.update_registered_model("told-model", description="changed")
client.rename_registered_model("told-model", "renamed-model")
seen["renamed_model"] = client.get_registered_model("renamed-model").description
client.delete_registered_model("renamed-model")
seen["models_left"] = [m.name for m in client.search_registered_models()]
client.rename_experiment(second, "renamed")
client.set_experiment_tag(second, "team", "red")
client.set_experiment_tag(second, "gone", "x")
client.delete_experiment_tag(second, "gone")
renamed = client.get_experiment(second)
seen["experiment"] = [renamed.name, {key: renamed.tags[key] for key in ("team", "gone") if key in renamed.tags}]
run = client.create_run(second)
client.set_tag(run.info.run_id, "kept", "1")
client.set_tag(run.info.run_id, "gone", "1")
client.delete_tag(run.info.run_id, "gone")
client.update_run(run.info.run_id, name="named")
got = client.get_run(run.info.run_id)
seen["run_tags"] = ["kept" in got.data.tags, "gone" in got.data.tags, got.info.run_name]
model = client.create_logged_model(second, name="m", params={"a": "1"}, tags={"t": "1", "u": "2"})
client.log_model_params(model.model_id, {"b": "2"})
client.delete_logged_model_tag(model.model_id, "t")
seen["logged_model"] = [client.get_logged_model(model.model_id).params, client.get_logged_model(model.model_id).tags]
client.delete_logged_model(model.model_id)
seen["logged_models_left"] = len(client.search_logged_models([second]))

own = client.create_experiment("own-place", artifact_location=os.path.join(os.getcwd(), "own"))
with mlflow.start_run(experiment_id=own) as run:
    mlflow.log_text("mine", "d/mine.txt")

    class Doubler(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [2 * x for x in model_input]

    info = mlflow.pyfunc.log_model(
        name="doubler", python_model=Doubler(), registered_model_name="doubler", pip_requirements=[]
    )
seen["own"] = {
    "uri": run.info.artifact_uri.startswith(os.getcwd()),
    "listed": [file.path for file in client.list_artifacts(run.info.run_id, "d")],
    "text": mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/d/mine.txt"),
    "file": os.path.exists(os.path.join("own", run.info.run_id, "artifacts", "d", "mine.txt")),
    "loads": [mlflow.pyfunc.load_model(uri).predict([1, 2]) for uri in ("models:/doubler/1", info.model_uri)],
}
json.dump(seen, sys.stdout)
