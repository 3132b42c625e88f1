"""Readers fed mutated files, in a process with caps on memory and time: typed errors only, no code, no hang."""

import collections
import json
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autostore import AutoStore, StorageConfig
from tests.formats.examples import EXAMPLES
from tests.reliability.mutated_reader import KEY
from tests.reliability.scale import measured, scaled

ROOT = Path(__file__).parents[2]

SOAKED = {".skops": 20_000}
"""Files in full, where they are not 100,000."""

PATIENCE = 20.0
"""Seconds that one file may take before it counts as a hang."""

PATIENCE_AT_FIRST = 200.0
"""Seconds until the first is read: some libraries import all that they have."""

# What a third party's decoder may do to its process; each is named in docs/reliability.md.
DEATHS_KNOWN: dict[str, str] = {}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The process that reads."""
    with Reader(tmp_path_factory.mktemp("reader") / "output") as reader:
        yield reader


@pytest.mark.parametrize("extension", EXAMPLES)
@pytest.mark.timeout(scaled(300, 7200))
def test_mutated_files(reader, tmp_path, extension):
    """Whatever a file of this format becomes, reading it gives a value or a typed error, soon and in bounded memory."""
    # Mutations that this was seen to catch: registry.decode lets errors pass as they are (.npy); _damage
    # takes EINVAL for a failing disk (.npz).
    lay_samples(tmp_path, extension)
    deaths: list[str] = []
    seen: collections.Counter[str] = collections.Counter()
    cases = scaled(EXAMPLES[extension].cases, SOAKED.get(extension, 100_000))
    with measured(f"mutated files, {extension}") as facts:
        first = 0
        while first < cases:
            ended, first = reader.read(tmp_path, extension, first, cases)
            if ended:
                deaths.append(f"case {first}: {ended}")
                assert len(deaths) < 1 + cases // 200, deaths
                first += 1
                continue
            found = json.loads((tmp_path / "outcome.json").read_text())
            assert found["offences"] == []
            seen.update(found["seen"])
            break
        facts.update(files=cases, deaths=deaths, **seen)
    assert not [death for death in deaths if not death.endswith(DEATHS_KNOWN.get(extension, "-"))]
    if extension == ".pkl":
        assert set(seen) <= {"UntrustedDataError", "value"}


def lay_samples(folder, extension):
    """Good files of the format, as the store writes them."""
    (folder / "samples").mkdir()
    config = StorageConfig(pickle_key=KEY if extension == ".pkl" else None)
    for number, value in enumerate(EXAMPLES[extension].make()):
        store = AutoStore(folder / f"made-{number}", config)
        path = store.write("k" + extension, value).path
        (folder / "samples" / f"{number}").write_bytes((folder / f"made-{number}" / path).read_bytes())
        store.close()


class Reader:
    """One process for all formats, and another one once it died; what it prints goes to a file."""

    def __init__(self, output):
        self._output = output
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self._process:
            self._end()

    def read(self, folder, extension, first, cases):
        """Read from a case on; how the process died ("" where it did not) and at which case."""
        (folder / "progress").write_bytes(struct.pack("q", -1))
        reader = self._process = self._process or self._begun()
        reader.stdin.write(json.dumps([str(folder), extension, first, cases]).encode() + b"\n")
        reader.stdin.flush()
        last, since = -1, time.monotonic() + PATIENCE_AT_FIRST - PATIENCE
        while not (folder / "outcome.json").exists():
            if reader.poll() is not None:
                self._end()
                complaint = self._output.read_text(errors="replace")[-2000:]
                assert reader.returncode < 0, complaint
                return signal.Signals(-reader.returncode).name, at(folder)
            time.sleep(0.02)
            case = at(folder)
            if case != last:
                last, since = case, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                self._end()
                return "hang", at(folder)
        return "", cases

    def _begun(self):
        command = [sys.executable, "-m", "tests.reliability.mutated_reader"]
        with self._output.open("wb") as output:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=ROOT)

    def _end(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process = None


def at(folder):
    """The case that the reader is at."""
    return struct.unpack("q", (folder / "progress").read_bytes())[0]
