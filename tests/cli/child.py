"""The command in a child of the nursery: a process of its own, without half a second of imports."""

import os
import socket
import sys
import time
import warnings

import boto3  # noqa: F401 - what the command would import, once for all children
import rich.progress
import rich.table  # noqa: F401
from typer.testing import CliRunner

import autostore.backends.cloud.s3
import autostore.backends.local.backend
import autostore.cli.heads  # noqa: F401
from autostore.backends.cloud.boto3.client import _loaders, make_client, ready_session
from autostore.cli.commands import app
from autostore.cli.main import run
from autostore.s3 import S3StorageConfig
from tests.optional import np, pl  # noqa: F401

CliRunner().invoke(app, ["ls", "memory://"])  # imports what only a run does
CONFIG = S3StorageConfig(region_name="x")
make_client(CONFIG, ready_session(CONFIG))[0].close()  # parses what botocore knows of S3, once for all children


def run_command(channel, words, folder, environment, streams):
    """Run one command line in a folder and an environment; its streams are files (a terminal's, too). Say its code."""
    for number, stream in enumerate(streams):
        file = os.open(stream, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY, 0o600)
        os.dup2(file, number)
        os.close(file)
    channel.say(_ended(words, folder, environment))


def run_block(channel, code, folder, environment):
    """Run a block of Python as a script; what it raises is heard."""
    _enter(folder, environment)
    exec(compile(code, "<block>", "exec"), {"__name__": "__main__"})
    channel.say("done")


def open_door(channel, path):
    """Run what `tests/cli/knock.py` brings, each command line in a child, on the streams of the shell that typed it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(path)
        door.listen()
        channel.say("open")
        while True:
            caller, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _answer(caller)
            caller.close()


def _answer(caller):
    code = 98
    try:
        order, streams, _, _ = socket.recv_fds(caller, 1 << 16, 3)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        folder, count, *rest = order.decode().split("\0")
        environment = dict(line.split("=", 1) for line in rest[: int(count)])
        code = _ended(rest[int(count) :], folder, environment)
        caller.send(bytes([code]))
    finally:
        os._exit(code)


def _enter(folder, environment):
    _loaders.setdefault(os.getpid(), next(iter(_loaders.values())))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)


def _ended(words, folder, environment):
    _enter(folder, environment)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate(("r", "w", "w")))
    sys.stderr.reconfigure(errors="backslashreplace", line_buffering=True)
    sys.argv = ["autostore", *words]
    warnings.simplefilter("ignore")
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code
