"""Uses evaluation datasets and prompts by the unchanged mlflow client; prints one JSON object of what it saw."""

import json
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
json.dump(seen, sys.stdout)
