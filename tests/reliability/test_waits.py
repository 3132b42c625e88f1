"""Every wait ends within `timeout`, in a typed error, and a read of an absent key waits for nobody."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from autostore import AutoStore, LocalFileConfig, StorageConnectionError, StorageError

TIMEOUT = 1.0
CALLS = {
    "write": lambda store: store.write("a/k", 2),
    "write named": lambda store: store.write("a/n.json", 2),
    "if_absent": lambda store: store.write("a/n", 2, if_absent=True),
    "modify": lambda store: store.modify("a/k", lambda n: n + 1),
    "delete": lambda store: store.__delitem__("a/k"),
    "pop": lambda store: store.pop("a/k"),
    "copy": lambda store: store.copy("a/k", "a/n"),
    "move": lambda store: store.move("a/k", "b/n"),
}


@pytest.fixture
def store(tmp_path):
    """A store that waits for a second, with one value."""
    with AutoStore(tmp_path / "store", LocalFileConfig(timeout=TIMEOUT)) as store:
        store["a/k"] = 1
        yield store


@contextmanager
def at_once(seconds=TIMEOUT / 2):
    """The block takes hardly any time."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


@pytest.fixture
def locked(store, tmp_path):
    """Somebody else's `flock` on the folder of the value, for as long as the test runs."""
    descriptor = os.open(tmp_path / "store" / "a", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


@pytest.mark.parametrize("call", CALLS)
def test_a_foreign_lock(store, locked, call):
    """Whoever needs the folder's lock says after `timeout` that somebody else keeps it; nothing has changed."""
    # Mutation that this was seen to catch: FolderLock waits for LOCK_EX without LOCK_NB.
    with at_once(3 * TIMEOUT), pytest.raises(StorageConnectionError, match=r"locked for 1 seconds.*timeout"):
        CALLS[call](store)
    assert store["a/k"] == 1
    assert list(store.keys()) == ["a/k"]


def test_reading_waits_for_nobody(store, locked, tmp_path):
    """A value, an absent key, and one whose file somebody removed by hand."""
    # Mutation that this was seen to catch: LocalFileBackend.find takes the lock where nothing is found.
    with at_once():
        assert store["a/k"] == 1
        assert store.get("a/absent") is None
        assert "a/absent" not in store
        os.unlink(tmp_path / "store" / "a" / "k.json")
        assert store.get("a/k") is None
        assert "a/k" not in store


def test_a_holder_that_is_stopped(store, tmp_path):
    """A process that was stopped in the middle of its write keeps nobody waiting for longer than `timeout`."""
    code = (
        "import sys, os; from autostore import AutoStore; store = AutoStore(sys.argv[1])\n"
        "with store._backend.lock('a/k'):\n    print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        holder.send_signal(signal.SIGSTOP)
        try:
            with at_once(3 * TIMEOUT), pytest.raises(StorageConnectionError):
                store["a/k"] = 2
            assert store["a/k"] == 1
        finally:
            holder.send_signal(signal.SIGCONT)
            holder.stdin.close()
    store["a/k"] = 2


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize("name", ["p.json", "p.csv", "p.parquet", "p.pkl", "p.npy", "p.txt", "p.bin"])
def test_what_is_no_file_under_a_key(store, tmp_path, kind, name):
    """A pipe, a socket or a device is refused in words, at once; it is not listed, and a write replaces it."""
    # Mutation that this was seen to catch: local_file does not look.
    place = tmp_path / "store" / name
    make_special(place, kind)
    for key in (name, "p"):
        with at_once(), pytest.raises(StorageError):
            store[key]
    with at_once(), pytest.raises(StorageError, match="pipe, socket or device"):
        store.get(name, "default")
    with at_once():
        assert list(store.keys()) == ["a/k"]
        for call in (lambda: store.copy(name, "q" + name[1:]), lambda: store.move(name, "q" + name[1:])):
            with pytest.raises(StorageError):
                call()


def make_special(place, kind):
    """Something that opens, but is no file."""
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        try:
            os.mknod(place, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
        except PermissionError:
            pytest.skip("needs root")
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            here = os.getcwd()
            os.chdir(place.parent)  # a socket's name is short
            try:
                server.bind(place.name)
            finally:
                os.chdir(here)


def test_pipes_among_our_own_files(store, tmp_path):
    """A pipe where a mark, the clock or a temporary folder should be ends in a value or a typed error."""
    marks = tmp_path / "store" / ".autostore" / "marks"
    for mark in list(marks.iterdir()):
        mark.unlink()
        os.mkfifo(mark)
    with at_once():
        assert store["a/k"] == 1
        with pytest.raises(StorageError):
            store["a/k"] = "another format"
        assert store.get_metadata("a/k.json").size == 1


@pytest.mark.parametrize("file", ["total", "entry.json", "payload", "root lock", "copy lock"])
def test_pipes_and_locks_in_the_cache(moto_s3, tmp_path, file):
    """The cache is an aid: whatever stands in its way, the object is read from its place, in time."""
    # Mutation that this was seen to catch: _read_total opens by read_bytes (total).
    config = moto_s3.config(cache_enabled=True, cache_dir=tmp_path, timeout=TIMEOUT)
    with AutoStore(f"s3://{moto_s3.make_bucket()}/", config) as store:
        store["k"] = 1
        assert store["k"] == 1
        (copy,) = [entry for entry in (tmp_path / "v1").iterdir() if entry.is_dir()]
        payload = next(entry for entry in copy.iterdir() if entry.name != "entry.json")
        place = {"total": tmp_path / "v1" / "total", "entry.json": copy / "entry.json", "payload": payload}.get(file)
        descriptor = None
        if place is not None:
            place.unlink()
            os.mkfifo(place)
        else:
            descriptor = os.open(tmp_path / "v1" if file == "root lock" else copy, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            (copy / "entry.json").unlink()
        with at_once(4 * TIMEOUT):
            assert store["k"] == 1
        store["k"] = 2
        with at_once(4 * TIMEOUT):
            assert store["k"] == 2
        if descriptor is not None:
            os.close(descriptor)
