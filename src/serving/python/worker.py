"""Runs one MLflow model in the environment that it declares, for the process that serves it.

    python worker.py serve MODEL_DIR      answer frames on descriptor 3 until it is closed
    python worker.py describe MODEL_DIR   write to descriptor 3 what the model takes and gives, as one JSON text
    python worker.py compile MODEL_DIR JOB_DIR [PACKAGES]
                                          write it as ONNX below JOB_DIR, with cases to compare it on; what was
                                          written, or why nothing was, goes to descriptor 3 as JSON

Nothing but the model's own environment is needed: mlflow, and the numpy and pandas that it brings; to compile also
skl2onnx, onnxmltools and onnx, which may lie in the folder PACKAGES.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CHANNEL = 3

if __name__ == "__main__":
    sys.path.insert(0, HERE)
    # Where we are installed may be read-only, and isn't ours to fill. main() lets others write theirs again.
    sys.dont_write_bytecode = True
    from slipway_worker.main import main

    # A model's own modules must not meet ours.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != HERE]
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:], CHANNEL))
