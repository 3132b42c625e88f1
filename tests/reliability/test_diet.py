"""With little of something, each operation works or says what there was too little of, and nothing stored is harmed."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

import pytest

from autostore import AutoStore, InvalidConfigError, StoragePermissionError
from tests.reliability import diet
from tests.reliability.scale import SOAK, measured, scaled

MIB = 1 << 20
AMOUNTS = {
    "descriptors": ([0, 2, 5], list(range(40))),
    "memory": ([MIB, 20 * MIB], [n * MIB for n in (0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256)]),
    "file_size": ([0, 3000], [0, 1, 10, 100, 1000, 4096, 10_000, MIB, 20 * MIB]),
    "threads": ([0, 1], [0, 1, 2, 3, 4]),
}
"""What is left of each: for `make test`, and in full."""
TRIED = [(place, limit) for place in ("local", "moto-cached") for limit in AMOUNTS][: None if SOAK else 5]


@pytest.mark.parametrize(("place", "limit"), TRIED, indirect=["place"])
@pytest.mark.timeout(scaled(120, 4 * 3600))
def test_each_operation(place, limit, request):
    """Descriptors, memory, room on the disk or threads run out in the middle of an operation."""
    # Mutation that this was seen to catch: what the system says of a file counts as damage (descriptors).
    amounts = AMOUNTS[limit][SOAK]
    if not SOAK and place[0].startswith("s3"):
        amounts = amounts[:1]
    with measured(f"diet, {request.node.callspec.params['place']}: {limit}") as facts:
        order = pickle.dumps((*place, limit, amounts))
        command = [sys.executable, "-m", "tests.reliability.diet"]
        done = subprocess.run(command, input=order, capture_output=True, timeout=scaled(100, 3600), check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        said = json.loads(done.stdout)
        facts.update(Counter(outcome for _, _, outcome in said))
    assert [words for words in said if " " in words[2]] == []
    assert len(said) == len(amounts) * len(diet.CALLS)


DISK = """
mount -t tmpfs -o size=$3 none "$1" || exit 77
exec "$0" -m tests.reliability.diet "$1" "$2"
"""


def in_a_mount(folder, limit, size):
    """Run a child in a mount namespace of its own, with the store on a small disk; what it said."""
    if os.getuid() or not shutil.which("unshare"):
        pytest.skip("needs root and unshare")
    command = ["unshare", "--mount", "sh", "-c", DISK, sys.executable, str(folder), limit, size]
    done = subprocess.run(command, capture_output=True, text=True, timeout=scaled(100, 600), check=False)
    if done.returncode == 77:
        pytest.skip(f"cannot be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr[-3000:]
    return [tuple(words) for words in json.loads(done.stdout)]


@pytest.mark.parametrize("limit", ["full", "read_only"])
@pytest.mark.timeout(scaled(120, 700))
def test_on_a_disk_that_takes_nothing(tmp_path, limit):
    """A disk that is really full, and one that is mounted read-only: what reads goes on, what writes says why not."""
    with measured(f"diet, a disk of its own: {limit}") as facts:
        said = in_a_mount(tmp_path, limit, "80m")
        facts.update(Counter(outcome for _, _, outcome in said))
    assert [words for words in said if " " in words[2]] == []
    assert {outcome for name, _, outcome in said if name.startswith(("read", "get", "in", "items"))} == {"done"}
    assert {outcome for name, _, outcome in said if name == "write array"} <= {
        "StorageIOError" if limit == "full" else "StoragePermissionError"
    }


def test_no_folder_for_temporary_files(monkeypatch, tmp_path):
    """Where none can be written to, each call that needs one says which setting to pass, and none says "absent"."""
    # Mutation that this was seen to catch: Scratch asks tempfile without a word of its own.
    with AutoStore("memory://") as store:
        store["k"] = 1
        store.close()
        file = tmp_path / "file"
        file.touch()
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(file / "below")])
        for call in (lambda: store.get("k"), lambda: store.write("k", 2), lambda: dict(store.items())):
            with pytest.raises(StoragePermissionError, match="temp_dir"):
                call()
        assert "k" in store
        monkeypatch.undo()
        assert store["k"] == 1


def test_no_home(moto_s3, monkeypatch):
    """Without HOME, and with a user that the system does not know, the error says to pass cache_dir."""
    # Mutation that this was seen to catch: CacheFolder lets the RuntimeError of `expanduser` pass.
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with AutoStore(f"s3://{moto_s3.make_bucket()}/", moto_s3.config(cache_enabled=True)) as store:
        store["k"] = 1
        assert "k" in store
        with pytest.raises(InvalidConfigError, match="cache_dir"):
            store["k"]


def unknown(number):
    """As the system's list of users answers."""
    raise KeyError(number)
