"""A file's bytes arrive whole, whether its file system copies them, refuses to, or says that there are none."""

import os
import random
import tempfile
from pathlib import Path

import pytest

from autostore.disk import duplicate as module
from autostore.disk.duplicate import duplicate


@pytest.mark.parametrize("size", [0, 1, 300_000])
@pytest.mark.parametrize("folder", [None, "/dev/shm"])
def test_whole_files(tmp_path, monkeypatch, size, folder):
    """In several pieces, within one file system and from another, from where the source stands."""
    if folder is not None and not os.path.isdir(folder):
        pytest.skip(f"{folder} is not there")
    monkeypatch.setattr(module, "AT_ONCE", 70_000)
    data = random.Random(size).randbytes(size)
    with tempfile.TemporaryFile(dir=folder or tmp_path) as source:
        source.write(b"head" + data)
        source.flush()
        os.lseek(source.fileno(), 4, os.SEEK_SET)
        duplicate(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="Linux only")
def test_a_file_that_says_it_is_empty(tmp_path):
    """The kernel copies nothing of it, and it is read instead."""
    with open("/proc/version", "rb") as source:
        duplicate(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == Path("/proc/version").read_bytes()
