"""What older versions wrote is found, reads as it was, and may be replaced and removed, for ever."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from autostore import AutoStore
from autostore.errors import InvalidKeyError
from autostore.testing import same
from tests.older.values import values

FOLDERS = sorted(folder for folder in Path(__file__).parent.iterdir() if (folder / ".autostore").is_dir())
LOSSY = {"photo.jpg"}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def written(request, tmp_path):
    """A copy of what a version wrote."""
    shutil.copytree(request.param, tmp_path / "store")
    with AutoStore(tmp_path / "store") as store:
        yield store


def test_there_is_something_to_read():
    """The first version's files are here."""
    assert "0.1.0-2c73506" in {folder.name for folder in FOLDERS}


def test_every_key_is_listed_and_reads(written):
    """Each key comes once, and its value as it was, of its type."""
    expected = values()
    bare = {"page.html": "page", "photo.jpg": "photo", "rows2.jsonl": "rows2"}  # the only file of its stem
    assert sorted(written) == sorted(bare.get(key, key) for key in expected)
    for key in set(expected) - LOSSY:
        assert same(written[key], expected[key]), key
    assert abs(np.asarray(written["photo.jpg"]).astype(int) - np.asarray(expected["photo.jpg"])).max() < 8


def test_every_key_can_be_written_again(written):
    """A bare key takes a value of another format, and the older file of it goes."""
    for key in [key for key in values() if "." not in key]:
        written[key] = "new"
        assert written[key] == "new"
    named = {"named.csv", "named.yaml", "rows2.jsonl", "photo.jpg", "page.html"}
    later = {"report.pdf", "notes.log", "Photo.JPG"}
    kept = {path for path in written.list_files() if not path.endswith(".txt")}
    assert kept == named | {"report.pdf.bin", "notes.log.json", "Photo.JPG.png", "model.v1.json"}
    for key in later:
        del written[key]
        assert key not in written


def test_every_key_can_be_removed(written):
    """Nothing of them comes back, and nothing is left."""
    for key in values():
        del written[key]
    assert list(written.list_files()) == []


def test_a_key_that_ends_in_typed_is_found(tmp_path):
    """Such a key had a file of plain JSON before `.typed.json` was a format; it reads, and nothing writes over it."""
    with AutoStore(tmp_path) as store:
        # As version 0.1.0-2c73506 writes `store["x.typed"]`.
        (tmp_path / "x.typed.json").write_bytes(b'{"a": [1, null]}')
        assert store["x.typed"] == store["x"] == {"a": [1, None]}
        assert "x.typed" in store
        assert "y.typed" not in store
        with pytest.raises(KeyError):
            store["y.typed"]
        with pytest.raises(InvalidKeyError, match="another key"):
            store["x.typed"] = {"b": 1}
        assert store["x.typed"] == {"a": [1, None]}
