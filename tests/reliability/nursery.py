"""A process that has imported everything and forks children to be killed or traced.

A child is there in a few milliseconds, where a fresh Python with Polars needs half a second;
and unlike the process of the tests, the nursery has no threads that a fork would break.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

LARGEST = 1 << 16


@dataclass(frozen=True)
class Failure:
    """The last words of a child that ended by an exception: whoever hears them fails with its traceback."""

    trace: str


class Channel:
    """Whole messages both ways; they travel by sendto and recvfrom, so that faults in `write` spare them."""

    def __init__(self, own: socket.socket) -> None:
        self._own = own

    def say(self, message: Any) -> None:
        """Send a message."""
        self._own.send(pickle.dumps(message))

    def ready(self, seconds: float) -> bool:
        """Whether there is something to hear, within some time."""
        return bool(select.select([self._own], [], [], seconds)[0])

    def hear(self, seconds: float = 60) -> Any:
        """The next message; `EOFError` once the other side is gone, `AssertionError` if it failed."""
        if not self.ready(seconds):
            raise TimeoutError(f"nothing was heard for {seconds} s")
        try:
            data = self._own.recv(LARGEST)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        message = pickle.loads(data)
        assert not isinstance(message, Failure), message.trace
        return message


class Child(Channel):
    """A forked process that runs one function."""

    def __init__(self, own: socket.socket, pid: int) -> None:
        super().__init__(own)
        self.pid = pid

    def kill(self) -> list[Any]:
        """SIGKILL; what it had said before, once it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return self.last_words()

    def last_words(self, seconds: float = 60) -> list[Any]:
        """What it says until it is gone."""
        said = []
        try:
            while True:
                said.append(self.hear(seconds))
        except EOFError:
            self._own.close()
        return said


class Nursery:
    """Starts children; `function(channel, *args)` must be importable by name."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a fork copies no threads
        command = [sys.executable, "-m", "tests.reliability.nursery", str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=alone)
        theirs.close()

    def start(self, function: Callable[..., None], *args: Any) -> Child:
        """Fork a child."""
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._line, [pickle.dumps((function, args))], [theirs.fileno()])
            (pid,) = struct.unpack("i", self._line.recv(4))
        return Child(own, pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._line.close()
        self._process.wait(10)


def serve(line: socket.socket) -> None:
    """Fork a child for each order until the line closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps them
    while True:
        order, descriptors, _, _ = socket.recv_fds(line, LARGEST, 1)
        if not order:
            return
        pickle.loads(order)  # imports what the function needs, once for all children
        pid = os.fork()
        if pid == 0:
            line.close()
            live(socket.socket(fileno=descriptors[0]), order)
        os.close(descriptors[0])
        line.send(struct.pack("i", pid))


def live(own: socket.socket, order: bytes) -> None:
    """A child's whole life."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        function, args = pickle.loads(order)
        function(Channel(own), *args)
    except BaseException:
        with contextlib.suppress(OSError):
            Channel(own).say(Failure(traceback.format_exc()[-LARGEST // 8 :]))
    finally:
        os._exit(0)


if __name__ == "__main__":
    import boto3

    from tests.reliability import nursery

    # What a client needs, once for all children.
    boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x").close()
    # By this name, not as __main__: what a child says last is of a class that the test must find.
    nursery.serve(socket.socket(fileno=int(sys.argv[1])))
