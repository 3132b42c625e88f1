"""The command in a child of the nursery: a process of its own, without half a second of imports."""

import os
import sys
import time
import warnings
from pathlib import Path

import boto3  # noqa: F401 - what the command would import, once for all children
import numpy as np  # noqa: F401
import polars as pl  # noqa: F401
from typer.testing import CliRunner

from autostore.cli.commands import app
from autostore.cli.main import run

CliRunner().invoke(app, ["ls", "memory://"])  # imports what only a run does


def run_command(channel, words, folder, environment, streams):
    """Run one command line in a folder and an environment, its output into two files; say its exit code."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        place = os.devnull if number == 0 else Path(streams) / str(number)
        file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
        if number and stream is not None:
            stream.flush()
    sys.argv = ["autostore", *words]
    warnings.simplefilter("ignore")
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    channel.say(code)
