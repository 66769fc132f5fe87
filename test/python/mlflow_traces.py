"""Traces with the unchanged mlflow client; prints one JSON object of what it saw."""

import json
import os
import time

os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, Feedback, SpanType
from mlflow.exceptions import MlflowException

seen = {}
client = MlflowClient()
experiment = mlflow.set_experiment("traced").experiment_id


@mlflow.trace(span_type=SpanType.LLM)
def answer(question, n):
    with mlflow.start_span("look up") as span:
        span.set_inputs({"question": question})
        span.set_attributes({"whole": 2.0, "big": 2**60, "list": [1, 2.5, None, "ä"], "yes": True})
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": n, "total_tokens": 10 + n})
    mlflow.update_current_trace(tags={"topic": question[:1]}, metadata={"mlflow.trace.session": "s1"})
    if n == 3:
        raise ValueError("three")
    return f"{question} {n}"


def shown(trace):
    return [
        trace.info.state.value,
        trace.info.tags.get("mlflow.traceName"),
        [(span.name, span.span_type, span.parent_id is not None) for span in trace.data.spans],
    ]


ids = []
with mlflow.start_run() as run:
    for n in range(5):
        try:
            answer("abcde"[n] + "?", n)
        except ValueError:
            pass
        ids.append(mlflow.get_last_active_trace_id())
        time.sleep(0.002)

trace = client.get_trace(ids[1])
seen["trace"] = shown(trace)
inner = trace.data.spans[1]
seen["attributes"] = [inner.get_attribute(key) for key in ("whole", "big", "list", "yes")]
seen["types"] = [type(inner.get_attribute(key)).__name__ for key in ("whole", "big")]
seen["inputs"] = [trace.data.spans[0].inputs, trace.data.spans[0].outputs]
seen["previews"] = [trace.info.request_preview, trace.info.response_preview]
seen["usage"] = trace.info.token_usage
seen["location"] = trace.info.tags["mlflow.trace.spansLocation"]
failed = client.get_trace(ids[3])
seen["failed"] = [failed.info.state.value, failed.data.spans[0].status.status_code.value, failed.data.spans[0].events[0].name]


def search(filter_string=None, **options):
    found = client.search_traces(locations=[experiment], filter_string=filter_string, **options)
    return [ids.index(trace.info.trace_id) for trace in found]


seen["all"] = search()
seen["filters"] = {
    text: search(text)
    for text in [
        "status = 'ERROR'",
        "tags.topic = 'b'",
        "tag.topic RLIKE '^[bc]$'",
        "name = 'answer' AND timestamp_ms > 0",
        "name LIKE 'ans%' AND execution_time_ms >= 0",
        f"run_id = '{run.info.run_id}'",
        "span.name = 'look up' AND span.type = 'LLM'",
        "span.name = 'answer' AND span.type = 'LLM' AND span.status = 'ERROR'",
        "span.attributes.whole LIKE '%2%'",
        "span.attributes.`mlflow.spanInputs` RLIKE 'c[?]'",
        "trace.text LIKE '%ä%'",
        "text ILIKE '%E?%'",
        "metadata.`mlflow.trace.session` = 's1' AND tag.topic != 'a'",
        "tag.nothing IS NULL AND tag.topic IS NOT NULL AND tag.topic = 'a'",
    ]
}
seen["ordered"] = search(order_by=["tags.topic DESC"])
pages, token = [], None
while True:
    page = client.search_traces(locations=[experiment], max_results=2, page_token=token)
    pages.append([ids.index(trace.info.trace_id) for trace in page])
    token = page.token
    if not token:
        break
seen["pages"] = pages
seen["frame"] = mlflow.search_traces(locations=[experiment], filter_string="tag.topic RLIKE '[ab]'").shape[0]

human = AssessmentSource(source_type="HUMAN", source_id="ann")
first = mlflow.log_feedback(trace_id=ids[0], name="good", value=True, rationale="it is", source=human, metadata={"k": "v"})
expected = mlflow.log_expectation(trace_id=ids[0], name="expected", value={"a": [1, 2]}, source=human)
mlflow.log_feedback(trace_id=ids[1], name="score", value=0.75)
mlflow.log_feedback(trace_id=ids[2], name="good", error=ValueError("no"), source=human)
changed = mlflow.update_assessment(
    trace_id=ids[0], assessment_id=first.assessment_id, assessment=Feedback(name="good", value=False, rationale="not quite", metadata={"l": "w"})
)
seen["changed"] = [changed.value, changed.rationale, changed.metadata, changed.source.source_id]
override = mlflow.override_feedback(trace_id=ids[0], assessment_id=first.assessment_id, value=True, rationale="again")
seen["valid"] = [mlflow.get_assessment(ids[0], a.assessment_id).valid for a in (first, override)]
seen["expectation"] = mlflow.get_assessment(ids[0], expected.assessment_id).value
seen["by_assessment"] = {
    text: search(text)
    for text in [
        "feedback.good = 'true'",
        "feedback.score > 0.7",
        "feedback.score > 0.8",
        "expectation.expected IS NOT NULL",
        "feedback.good IS NOT NULL",
    ]
}
mlflow.delete_assessment(trace_id=ids[0], assessment_id=override.assessment_id)
seen["valid_again"] = mlflow.get_assessment(ids[0], first.assessment_id).valid
info = client.get_trace(ids[2]).info
seen["error"] = [a.error.error_code for a in info.assessments]

client.set_trace_tag(ids[0], "color", "red")
seen["tagged"] = search("tag.color = 'red'")
client.delete_trace_tag(ids[0], "color")
seen["untagged"] = search("tag.color = 'red'")
client.link_traces_to_run([ids[0]], mlflow.start_run(run_name="other").info.run_id)
mlflow.end_run()
other = mlflow.search_runs([experiment], filter_string="attributes.run_name = 'other'").run_id[0]
seen["linked"] = search(f"run_id = '{other}'")

from mlflow.tracing.client import TracingClient

result = TracingClient().calculate_trace_filter_correlation([experiment], "status = 'ERROR'", "tag.topic = 'd'")
seen["correlation"] = [result.npmi, result.filter1_count, result.joint_count, result.total_count]

with mlflow.start_span("outer") as outer:
    try:
        client.get_trace("tr-" + "0" * 32)
    except MlflowException as error:
        seen["missing"] = error.error_code
seen["deleted"] = client.delete_traces(experiment_id=experiment, trace_ids=[ids[0], ids[1]])
seen["deleted_old"] = client.delete_traces(
    experiment_id=experiment, max_timestamp_millis=int(time.time() * 1000), max_traces=2
)
seen["left"] = len(client.search_traces(locations=[experiment]))
print()
print(json.dumps(seen))
