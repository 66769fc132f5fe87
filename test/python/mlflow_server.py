"""The real MLflow server in one process: FOLDER holds its database and artifacts. Prints its address.

A database with MLflow's schema but nothing in it is kept at TEMPLATE, so that only the first start ever
runs MLflow's migrations. Ends when its standard input does.
"""

import os
import shutil
import socket
import sys
import threading

folder, template = sys.argv[1:3]
store = f"sqlite:///{folder}/mlflow.db"
os.environ.update(
    {
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{folder}/artifacts",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
)
is_new = not os.path.exists(template)
if not is_new:
    shutil.copy(template, f"{folder}/mlflow.db")

import uvicorn
from mlflow.server import handlers
from mlflow.server.fastapi_app import app

handlers.initialize_backend_stores(store, store, "mlflow-artifacts:/")
if is_new:
    shutil.copy(f"{folder}/mlflow.db", f"{template}.{os.getpid()}")
    os.replace(f"{template}.{os.getpid()}", template)

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
# From here on a client may connect: it waits until the server takes it.
listening.listen(128)
server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))


def end_with_stdin():
    sys.stdin.read()
    server.should_exit = True


threading.Thread(target=end_with_stdin, daemon=True).start()
print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
server.run(sockets=[listening])
