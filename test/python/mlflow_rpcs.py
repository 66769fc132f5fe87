"""Prints, as JSON, every RPC that the installed mlflow package declares: [service, name, method, path, version]."""

import importlib
import importlib.util
import json
import pkgutil
import sys
import types
from typing import NamedTuple

# Only the protocol's modules: importing mlflow itself would take seconds.
spec = importlib.util.find_spec("mlflow")
package = types.ModuleType("mlflow")
package.__path__ = list(spec.submodule_search_locations)
sys.modules["mlflow"] = package
databricks = importlib.import_module("mlflow.protos.databricks_pb2")


class Rpc(NamedTuple):
    service: str
    name: str
    verb: str
    path: str
    version: str
    # The method's descriptor: its message.
    message: object


def declared():
    for module in pkgutil.iter_modules(importlib.import_module("mlflow.protos").__path__):
        # What only Databricks serves has modules of its own.
        if not module.name.endswith("_pb2") or module.name.startswith(("databricks_", "unity_catalog_")):
            continue
        file = importlib.import_module(f"mlflow.protos.{module.name}").DESCRIPTOR
        for service in file.services_by_name.values():
            for method in service.methods:
                for endpoint in method.GetOptions().Extensions[databricks.rpc].endpoints:
                    version = f"{endpoint.since.major}.{endpoint.since.minor}"
                    path = "/" + endpoint.path.lstrip("/")
                    yield Rpc(service.name, method.name, endpoint.method, path, version, method)


if __name__ == "__main__":
    json.dump([rpc[:5] for rpc in declared()], sys.stdout)
