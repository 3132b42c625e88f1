"""The memory backend, the reference, keeps the backend contract."""

import subprocess
import sys
from pathlib import Path

import pytest

from autostore.backend import StorageBackend
from autostore.backends.memory import MemoryBackend
from autostore.config import StorageConfig
from autostore.keys import parse_uri
from autostore.testing.backend import BackendContract


class TestMemory(BackendContract):
    @pytest.fixture
    def backend(self):
        backend = MemoryBackend(parse_uri("memory://"), StorageConfig())
        yield backend
        backend.close()

    # The space itself is the only way around the backend: nothing lies outside the process.
    def raw_write(self, backend: StorageBackend, path: str, data: bytes) -> None:
        with backend.scratch_file() as file:
            Path(file).write_bytes(data)
            backend.upload(file, path)

    def raw_read(self, backend: StorageBackend, path: str) -> bytes | None:
        entry = backend._space.files.get(path)
        return entry[0] if entry else None


def test_named_spaces_are_shared_and_anonymous_ones_private():
    """`memory://name` is one space for the process; each `memory://` is its own."""

    def names(uri: str) -> list[str]:
        return [found.path for found in MemoryBackend(parse_uri(uri), StorageConfig()).list_files()]

    named = MemoryBackend(parse_uri("memory://shared-space"), StorageConfig())
    private = MemoryBackend(parse_uri("memory://"), StorageConfig())
    for backend in (named, private):
        with backend.scratch_file() as file:
            file.write_bytes(b"1")
            backend.upload(file, "x.bin")
    assert names("memory://shared-space") == ["x.bin"]
    assert names("memory://") == []
    assert names(private.uri) == ["x.bin"]


def test_what_another_process_had_in_its_memory_is_not_read(tmp_path):
    """One cache, and a branch's records, outlive the space: what lies under the same name now is told from it."""
    # Mutation that this was seen to catch: ETags that count the writes.
    code = (
        "import sys; from autostore import AutoStore, PreconditionFailedError, StorageConfig\n"
        "word, cache, branch = sys.argv[1:]\n"
        "base = AutoStore('memory://place', StorageConfig(cache_enabled=True, cache_dir=cache))\n"
        "base['k'] = word\n"
        "print(base['k'])\n"
        "if word == 'one': AutoStore(branch, base=base)['k'] = 'mine'\n"
        "else:\n"
        "    try: AutoStore(branch, base=base).promote()\n"
        "    except PreconditionFailedError as error: print(error.conflicts, base['k'])\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code, word, tmp_path / "cache", tmp_path / "branch"],
            capture_output=True, text=True, check=True,
        ).stdout.split("\n")
        for word in ("one", "two")
    ]  # fmt: skip
    assert said == [["one", ""], ["two", "['k'] two", ""]]
