"""The real command in a process of its own, alone or in a terminal; and a store for it in a folder, on S3 and Azure."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from autostore import AutoStore
from tests.azurite import ACCOUNT, KEY, azurite  # noqa: F401 - a fixture
from tests.optional import np, pl
from tests.reliability.nursery import Nursery

for library in ("typer", "rich"):
    pytest.importorskip(library)
from tests.cli.child import run_command  # noqa: E402 - which needs them

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
            out, err = Path(streams) / "out", Path(streams) / "err"
            with self._running(words, self.environment, [os.devnull, out, err]) as child:
                ended = child.hear(SECONDS)
            done = Done(ended, out.read_text() if text else out.read_bytes(), err.read_text())
        assert done.code == code, (done.code, done.out, done.err)
        assert "Traceback" not in done.err
        return done

    def complete(self, *words):
        """What a shell's completion prints; it asks as zsh does, through the environment."""
        asked = {"_AUTOSTORE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": " ".join(["autostore", *words])}
        with self.changed(asked):
            done = self()
        assert done.err == ""
        return done.out

    @contextlib.contextmanager
    def changed(self, environment):
        """With other variables for a while."""
        before, self.environment = self.environment, self.environment | environment
        try:
            yield
        finally:
            self.environment = before

    def terminal(self, *words, answer="", code=0, columns=100):
        """What a person sees, and answers, at a terminal."""
        ours, theirs = pty.openpty()
        environment = self.environment | {"COLUMNS": str(columns), "LINES": "40", "TERM": "xterm"}
        seen, deadline, asked = b"", time.monotonic() + SECONDS, not answer
        try:
            with self._running(words, environment, [os.ttyname(theirs)] * 3) as child:
                while not child.ready(0) and time.monotonic() < deadline:
                    seen += _read(ours, 0.02)
                    if not asked and b"[y/N]" in seen:
                        os.write(ours, answer.encode())
                        asked = True
                ended = child.hear(1)
            while piece := _read(ours, 0.1):
                seen += piece
        finally:
            os.close(ours)
            os.close(theirs)
        assert ended == code, seen.decode()
        return seen.decode()

    @contextlib.contextmanager
    def _running(self, words, environment, streams):
        order = list(map(str, words)), str(self.folder), environment, list(map(str, streams))
        child = self.nursery.start(run_command, *order)
        try:
            yield child
        finally:
            child.kill()


def _read(terminal, seconds):
    return os.read(terminal, 65536) if select.select([terminal], [], [], seconds)[0] else b""


@pytest.fixture
def environment(tmp_path):
    """Nothing of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOSTORE_", "AWS_", "AZURE_"))}
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


def of_s3(server):
    """What reaches a server of S3 by the environment alone, and an address there."""
    told = {
        "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    return told, f"s3://{server.make_bucket()}/{uuid.uuid4().hex[:6]}/"


def of_azure(server):
    """The same of Azure."""
    told = {
        "AZURE_STORAGE_ENDPOINT": server.endpoint, "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }  # fmt: skip
    return told, f"az://{server.make_container()}/{uuid.uuid4().hex[:6]}/"


@pytest.fixture(params=["folder", "s3", "azure"])
def place(request, shell, monkeypatch):
    """The address of an empty store, which ends in `/`, in a folder, on S3 and on Azure."""
    if request.param == "folder":
        return f"{shell.folder}/data/"
    if request.param == "s3":
        told, address = of_s3(request.getfixturevalue("moto_s3"))
    else:
        told, address = of_azure(request.getfixturevalue("azurite"))
    shell.environment |= told
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return address


@pytest.fixture
def filled(place):
    """The same with a day's work in it."""
    with AutoStore(place) as store:
        store.update({
            "flights/monday": pl.DataFrame({"x": range(20), "y": ["a"] * 20}),
            "flights/tuesday": pl.DataFrame({"x": [1], "y": ["b"]}),
            "flights/deep/er": {"a": 1},
            "numbers": np.zeros(1000),
            "notes": "hello\nworld\n",
            "table.csv": pl.DataFrame({"a": [1, 2]}),
        })  # fmt: skip
        yield store
