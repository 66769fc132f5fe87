"""The stream between this process and the one that serves.

A frame is a u32 length of what follows, a u8 kind, three zero bytes, and the payload; integers are little-endian.
The payload begins on a multiple of eight in the buffer that it is read into, so that tensors in it can be used as
they lie.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import threading
import time

# Asked of the model.
RUN = 1
INVOKE = 2
# Answered.
READY = 16
TENSORS = 17
INVOKED = 18
BAD_INPUT = 19
FAILED = 20

HEAD = struct.Struct("<IB3x")
# Whoever closed the stream no longer waits; a model that is busy then has this long to notice.
CLOSED_GRACE_S = 2.0


class Channel:
    """Frames over a descriptor that only this object uses."""

    def __init__(self, descriptor: int):
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._head = bytearray(HEAD.size)

    def read(self) -> tuple[int, bytearray] | None:
        """The next frame's kind and payload; None when the stream has ended."""
        if not self._fill(memoryview(self._head)):
            return None
        length, kind = HEAD.unpack(self._head)
        payload = bytearray(length - 4)
        if not self._fill(memoryview(payload)):
            return None
        return kind, payload

    def write(self, kind: int, parts: list) -> None:
        """One frame of bytes-like parts, without joining large ones."""
        length = sum(memoryview(part).nbytes for part in parts)
        pending = [memoryview(HEAD.pack(length + 4, kind))]
        pending += [memoryview(part).cast("B") for part in parts if memoryview(part).nbytes > 0]
        while pending:
            # The kernel takes at most 1024 pieces at once.
            sent = self._socket.sendmsg(pending[:512])
            while pending and sent >= pending[0].nbytes:
                sent -= pending.pop(0).nbytes
            if sent:
                pending[0] = pending[0][sent:]

    def end_with_peer(self) -> None:
        """Ends this process, and what it has started, when the peer is gone and the model doesn't come back."""
        threading.Thread(target=self._watch, name="slipway-watch", daemon=True).start()

    def _watch(self) -> None:
        poll = select.poll()
        # Nothing is asked for: a hang-up is always reported, and frames that arrive don't wake this thread.
        poll.register(self._socket.fileno(), getattr(select, "POLLRDHUP", 0))
        poll.poll()
        time.sleep(CLOSED_GRACE_S)
        end_group()

    def _fill(self, view: memoryview) -> bool:
        while view.nbytes > 0:
            count = self._socket.recv_into(view)
            if count == 0:
                return False
            view = view[count:]
        return True


def end_group() -> None:
    """Kills this process and all that it started, as far as they stayed in its group."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def die_with_parent() -> None:
    """Linux ends us with our parent, even when the model never returns to Python. Elsewhere the watch must do."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
