"""Everything that MLflow's client says of some experiments and models, as JSON; ids of experiments and places of files aside."""
import hashlib
import json
import os
import pathlib
import sys
import tempfile

SERVERS = json.loads(sys.argv[1])


def run_of(client, run):
    info = run.info
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for root in client.list_artifacts(info.run_id):
            client.download_artifacts(info.run_id, root.path, folder)
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file():
                files[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "name": info.run_name,
        "status": info.status,
        "user": info.user_id,
        "times": [info.start_time, info.end_time],
        "stage": info.lifecycle_stage,
        "params": run.data.params,
        "tags": run.data.tags,
        "history": {
            key: [[m.timestamp, m.step, repr(m.value)] for m in client.get_metric_history(info.run_id, key)]
            for key in run.data.metrics
        },
        "datasets": [
            [d.dataset.name, d.dataset.digest, d.dataset.schema, {t.key: t.value for t in d.tags}]
            for d in run.inputs.dataset_inputs
        ],
        "outputs": [m.model_id for m in (run.outputs.model_outputs if run.outputs else [])],
        "files": files,
    }


def dump(server):
    os.environ["MLFLOW_TRACKING_TOKEN"] = server.get("token", "")
    import mlflow
    from mlflow.entities import ViewType

    mlflow.set_tracking_uri(server["url"])
    if server.get("tenant"):
        mlflow.set_workspace(server["tenant"])
    client = mlflow.MlflowClient(server["url"])
    experiments = [client.get_experiment_by_name(name) for name in server["experiments"]]
    ids = [experiment.experiment_id for experiment in experiments]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL)
    models = client.search_logged_models(ids)
    return {
        "experiments": [[e.name, e.lifecycle_stage, e.creation_time, e.tags] for e in experiments],
        "runs": {run.info.run_id: run_of(client, run) for run in runs},
        "logged models": {
            m.model_id: [m.name, m.model_type, str(m.status), m.source_run_id, m.params, m.tags, m.creation_timestamp]
            for m in models
        },
        "models": {
            name: {
                "aliases": client.get_registered_model(name).aliases,
                "versions": {
                    v.version: [v.run_id, v.current_stage, v.creation_timestamp, v.description, v.tags, v.status]
                    for v in client.search_model_versions(f"name = '{name}'")
                },
            }
            for name in server["models"]
        },
    }


print(json.dumps([dump(server) for server in SERVERS]))
