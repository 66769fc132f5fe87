"""Prints, as JSON, an OpenAPI document of what the installed mlflow package declares of its API: no server is asked."""

import json
import re
import sys

from mlflow_rpcs import databricks, declared

# proto3's JSON: a 64-bit integer travels as digits in a string as well, a number that JSON lacks by its name.
INT64 = {"anyOf": [{"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}, {"type": "string", "pattern": "^-?[0-9]{1,18}$"}]}
INT32 = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
DOUBLE = {"anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]}
WELL_KNOWN = {
    "google.protobuf.Value": {},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": "^[0-9]{1,9}(\\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
}
ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string", "pattern": "^[A-Z_]+$"}, "message": {"type": "string"}},
}
schemas = {"Error": ERROR}


def scalar(field):
    kind = field.type
    if kind in (field.TYPE_INT64, field.TYPE_UINT64, field.TYPE_SINT64, field.TYPE_FIXED64, field.TYPE_SFIXED64):
        return INT64
    if kind in (field.TYPE_INT32, field.TYPE_UINT32, field.TYPE_SINT32, field.TYPE_FIXED32, field.TYPE_SFIXED32):
        return INT32
    if kind in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return DOUBLE
    if kind == field.TYPE_BOOL:
        return {"type": "boolean"}
    if kind == field.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    if kind == field.TYPE_ENUM:
        return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
    return {"type": "string"}


def of_field(field):
    if field.message_type and field.message_type.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": of_field(field.message_type.fields_by_name["value"])}
    one = of_message(field.message_type) if field.message_type else scalar(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def body(message, without=()):
    """The fields of a message, but those that its path carries."""
    fields = [field for field in message.fields if field.name not in without]
    required = [f.name for f in fields if f.is_required or f.GetOptions().Extensions[databricks.validate_required]]
    properties = {field.name: of_field(field) for field in fields}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def of_message(message):
    if message.full_name in WELL_KNOWN:
        return WELL_KNOWN[message.full_name]
    name = message.full_name.removeprefix("mlflow.")
    if name not in schemas:
        schemas[name] = {}  # A message may hold itself.
        schemas[name] = body(message)
    return {"$ref": f"#/components/schemas/{name}"}


def operation(rpc, path):
    in_path = re.findall(r"\{(\w+)\}", path)
    request = body(rpc.message.input_type, in_path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in in_path
    ]
    described = {"operationId": "", "tags": [rpc.service]}
    if rpc.verb == "GET":
        parameters += [
            {"name": name, "in": "query", "required": name in request.get("required", []), "schema": schema}
            for name, schema in request["properties"].items()
        ]
    elif "artifacts/{" in path and rpc.verb == "PUT":
        binary = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": {"application/octet-stream": binary}}
    else:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    if parameters:
        described["parameters"] = parameters
    is_file = rpc.verb == "GET" and path.endswith("/artifacts/{artifact_path}")
    answer = {} if is_file else {"content": {"application/json": {"schema": {"type": "object"}}}}
    failed = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    described["responses"] = {
        "200": {"description": "OK", **answer},
        "default": {"description": "The error", "content": failed},
    }
    return described


def main():
    paths = {}
    for rpc in declared():
        path = re.sub(r"<path:(\w+)>", r"{\1}", rpc.path)
        # `{assessment.trace_id}` is a field of a field.
        path = re.sub(r"\{(?:\w+\.)?(\w+)\}", r"{\1}", path)
        served = f"/api/{rpc.version.split('.')[0]}.0{path}"
        made = operation(rpc, path)
        made["operationId"] = f"{rpc.name}_{rpc.verb.lower()}"
        paths.setdefault(served, {}).setdefault(rpc.verb.lower(), made)
    json.dump({"paths": dict(sorted(paths.items())), "schemas": dict(sorted(schemas.items()))}, sys.stdout)


main()
