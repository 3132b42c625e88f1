"""The real command in a process of its own, alone or in a terminal; and a store for it in a folder and on S3."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from autostore import AutoStore
from tests.cli.child import run_command
from tests.reliability.nursery import Nursery

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "ignore", "-m", "autostore.cli"]
SECONDS = 120


@dataclass
class Done:
    """What a run of the command gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def json(self):
        return [json.loads(line) for line in self.lines]


class Shell:
    """Runs `autostore` as a user does: in a folder, with an environment."""

    def __init__(self, folder, environment, nursery):
        self.folder = folder
        self.environment = environment
        self.nursery = nursery

    def start(self, *words, **streams):
        return subprocess.Popen([*COMMAND, *map(str, words)], cwd=self.folder, env=self.environment, **streams)

    def __call__(self, *words, code=0, text=True):
        with tempfile.TemporaryDirectory() as streams:
            order = list(map(str, words)), str(self.folder), self.environment, streams
            child = self.nursery.start(run_command, *order)
            try:
                ended = child.hear(SECONDS)
            finally:
                child.kill()
            out, err = ((Path(streams) / number).read_bytes() for number in "12")
        done = Done(ended, out.decode() if text else out, err.decode())
        assert done.code == code, (done.code, done.out, done.err)
        assert "Traceback" not in done.err
        return done

    def complete(self):
        """What a shell's completion prints; it asks as zsh does, through the environment."""
        with self.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            out, err = process.communicate(timeout=SECONDS)
        assert b"Traceback" not in err, err
        return out.decode()

    def terminal(self, *words, answer="", code=0):
        """What a person sees, and answers, at a terminal of 100 columns."""
        ours, theirs = pty.openpty()
        self.environment |= {"COLUMNS": "100", "LINES": "40", "TERM": "xterm"}
        with self.start(*words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            seen, deadline, asked = b"", time.monotonic() + SECONDS, not answer
            while time.monotonic() < deadline:
                if select.select([ours], [], [], 0.1)[0]:
                    try:
                        piece = os.read(ours, 65536)
                    except OSError:  # the other end is closed
                        break
                    seen += piece
                if not asked and b"[y/N]" in seen:
                    os.write(ours, answer.encode())
                    asked = True
            process.send_signal(signal.SIGKILL) if process.poll() is None and time.monotonic() >= deadline else None
            process.wait(timeout=10)
        os.close(ours)
        assert process.returncode == code, seen.decode()
        return seen.decode()


@pytest.fixture
def environment(tmp_path):
    """Nothing of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOSTORE_", "AWS_"))}
    return kept | {
        "PYTHONPATH": str(ROOT), "AUTOSTORE_SETTINGS": str(tmp_path / "settings.toml"), "TZ": "UTC",
        "XDG_CACHE_HOME": str(tmp_path / "cache"), "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


@pytest.fixture(scope="package")
def nursery():
    """Commands are forked from it."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def shell(tmp_path, environment, nursery):
    """The command, in an empty folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return Shell(folder, environment, nursery)


@pytest.fixture(params=["folder", "s3"])
def place(request, shell):
    """The address of an empty store, which ends in `/`, in a folder and on S3."""
    if request.param == "folder":
        return f"{shell.folder}/data/"
    server = request.getfixturevalue("moto_s3")
    shell.environment |= {
        "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        request.getfixturevalue("monkeypatch").setenv(name, shell.environment[name])
    return f"s3://{server.make_bucket()}/{uuid.uuid4().hex[:6]}/"


@pytest.fixture
def filled(place):
    """The same with a day's work in it."""
    with AutoStore(place) as store:
        store["flights/monday"] = pl.DataFrame({"x": range(20), "y": ["a"] * 20})
        store["flights/tuesday"] = pl.DataFrame({"x": [1], "y": ["b"]})
        store["flights/deep/er"] = {"a": 1}
        store["numbers"] = np.zeros(1000)
        store["notes"] = "hello\nworld\n"
        store["table.csv"] = pl.DataFrame({"a": [1, 2]})
        yield store
