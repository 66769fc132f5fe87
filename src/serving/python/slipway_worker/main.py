"""The commands of a worker."""

from __future__ import annotations

import faulthandler
import json
import os
import struct
import sys
import traceback

from . import channel as frames
from .channel import Channel

MAX_ERROR_BYTES = 8 * 1024


def main(command: str, folder: str, more: list[str], descriptor: int) -> int:
    frames.die_with_parent()
    # What a model prints belongs into the log, and its standard input is nobody's.
    os.dup2(2, 1)
    # A crash of native code leaves the Python line that led to it in the log.
    faulthandler.enable(2)
    sys.stdout.reconfigure(line_buffering=True)
    channel = Channel(descriptor)
    channel.end_with_peer()
    try:
        model = _load(folder)
        said = _compiled(model, folder, *more) if command == "compile" else _description(model, command == "describe")
    except BaseException as error:  # whatever a model's own code raises, SystemExit included
        traceback.print_exc()
        channel.write(frames.FAILED, [_bounded(_error_text(error))])
        return 1
    channel.write(frames.READY, [json.dumps(said).encode("utf-8")])
    if command == "serve":
        _serve(model, channel)
        return 0
    # The answer is out: taking the interpreter down in good order takes seconds.
    sys.stderr.flush()
    os._exit(0)


def _load(folder: str):
    sys.dont_write_bytecode = False
    import numpy  # noqa: F401
    import pandas  # noqa: F401

    sys.dont_write_bytecode = True
    from .served_model import ServedModel

    sys.dont_write_bytecode = False
    return ServedModel(folder)


def _compiled(model, folder: str, job: str, overlay: str = "") -> dict:
    # Below everything that serves.
    os.nice(10)
    # Behind the model's own environment, whose packages come first.
    if overlay:
        sys.path.append(overlay)
    # Where we are installed isn't ours to fill, and the converters were compiled when they were installed.
    sys.dont_write_bytecode = True
    from .compile.command import compile_model

    return compile_model(model, folder, job)


def _description(model, with_example: bool) -> dict:
    from importlib.metadata import version

    from . import tensors

    described = {
        "python": sys.version.split()[0],
        "mlflow": version("mlflow-skinny") if _is_skinny() else version("mlflow"),
        "inputs": [port.to_json() for port in model.inputs],
        "outputs": [port.to_json() for port in model.outputs],
        "notes": model.notes,
    }
    if with_example and model.example is not None and model.answer is not None:
        described["example"] = [
            tensors.to_json(port.name, port.datatype, array) for port, array in zip(model.inputs, model.example)
        ]
        described["answer"] = [tensors.to_json(*output) for output in model.answer]
    return described


def _is_skinny() -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("mlflow")
        return False
    except PackageNotFoundError:
        return True


def _serve(model, channel: Channel) -> None:
    while True:
        frame = channel.read()
        if frame is None:
            return
        kind, payload = frame
        answer_kind, parts = _answer(model, kind, payload)
        channel.write(answer_kind, parts)


def _answer(model, kind: int, payload: bytearray) -> tuple[int, list]:
    from . import tensors
    from .ports import InvalidInput

    try:
        if kind == frames.INVOKE:
            size = payload[0]
            content_type = payload[1 : 1 + size].decode("latin-1")
            status, answered_type, body = model.invoke(content_type, bytes(memoryview(payload)[1 + size :]))
            head = struct.pack("<HB", status, len(answered_type)) + answered_type.encode("latin-1")
            return frames.INVOKED, [head, body]
        return frames.TENSORS, tensors.write(model.run(tensors.read(payload)))
    except InvalidInput as error:
        return frames.BAD_INPUT, [_bounded(str(error))]
    except MemoryError:
        traceback.print_exc()
        return frames.FAILED, [b"MemoryError: there isn't enough memory for this inference"]
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a model's code are its failures too
        traceback.print_exc()
        return frames.FAILED, [_bounded(_error_text(error))]


def _error_text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its message can't be read)"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _bounded(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return encoded if len(encoded) <= MAX_ERROR_BYTES else encoded[:MAX_ERROR_BYTES] + b"..."
