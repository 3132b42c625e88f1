"""Laws 1, 4 and 9: whoever reads, takes or changes a value while others write it."""

import threading
import time
import uuid
from typing import ClassVar

import pytest

from autostore import AutoStore, StorageFileNotFoundError
from autostore.autostore import DataHandler
from autostore.backend import StorageBackend
from autostore.backends.memory import MemoryBackend
from autostore.testing import same
from tests.optional import Image, installed, np, pl, sp, torch
from tests.store.values import Run, Settings

FRAME = pl.DataFrame({"id": [1, 2], "v": [1.5, 2.5]})
PAIRS = {
    ".json": ({"a": 1}, {"b": [1, 2, 3]}),
    ".jsonl": ([{"a": 1}], [{"b": 2}, {"b": 3}]),
    ".txt": ("one", "two and three"),
    ".bin": (b"one", b"two and three"),
    ".yaml": ({"a": 1}, {"b": [1, 2, 3]}),
    ".csv": (FRAME, pl.DataFrame({"id": [1, 2], "w": ["x", "y"]})),
    ".parquet": (FRAME, FRAME.tail(1).lazy()),
    ".npy": (np.arange(9), np.zeros((3, 50))),
    ".npz": ({"a": np.arange(9)}, {"a": np.zeros(500), "b": np.ones(3)}),
    ".sparse": (sp.csr_array(np.eye(3)), sp.coo_matrix(np.ones((5, 9)))),
    **({".pt": (torch.arange(9), {"w": torch.zeros(3, 4)})} if installed("torch") else {}),
    ".png": (Image.new("L", (5, 5)), Image.new("RGB", (9, 9), "red")),
    ".pkl": ({1, 2}, (3, "four")),
    ".typed.json": ({1, 2}, (3, "four")),
    ".bundle.zip": ({"a": np.arange(9)}, [FRAME, (1, np.zeros(500))]),
    ".pydantic.json": (Settings(name="x"), Settings(name="y", tags=["a", "b"])),
    ".dataclass.json": (Run(number=1, label="x"), Run(number=2, label="yy")),
}


@pytest.mark.parametrize("extension", PAIRS)
def test_a_reader_gets_one_value_whole(local_store, extension):
    """While a key is written again and again in its format, each read gives one of the values, of its own type."""
    # Mutation that this was seen to catch: CSV, Parquet and .sparse open their path again for each step.
    key, pair = f"k{extension}", PAIRS[extension]
    ended = threading.Event()

    def write():
        turn = 0
        while not ended.is_set():
            local_store[key] = pair[turn % 2]
            turn += 1

    local_store[key] = pair[0]
    expected = [local_store[key]]
    local_store[key] = pair[1]
    expected.append(local_store[key])
    writer = threading.Thread(target=write)
    writer.start()
    try:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            found = local_store[key]
            assert any(same(found, value) for value in expected)
    finally:
        ended.set()
        writer.join()


@pytest.mark.parametrize("key", ["job", "job.json"])
def test_one_of_two_who_pop_gets_the_object(local_store, key):
    """What one caller was given, another is not, also under a full name."""
    # Mutation that this was seen to catch: a conditional delete takes an absent file for removed.
    for turn in range(40):
        local_store[key] = {"turn": turn}
        start, taken = threading.Barrier(2), []

        def take(start=start, taken=taken):
            start.wait()
            taken.append(local_store.pop(key, None))

        threads = [threading.Thread(target=take) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 2
        assert [value for value in taken if value is not None] == [{"turn": turn}]


class Lockless(MemoryBackend):
    """A place like S3, where nothing locks; what is removed under a condition waits for `swapped`."""

    swapped = threading.Event()
    lock = StorageBackend.lock
    locks_exclude = False

    def delete(self, path, *, if_etag=None):
        assert if_etag is None or self.swapped.wait(10)
        super().delete(path, if_etag=if_etag)


class Slow(DataHandler):
    """A format whose writing takes long: `meanwhile` happens."""

    extensions: ClassVar = [".slow"]
    priority = 50
    meanwhile = staticmethod(lambda: None)

    def can_handle_data(self, data):
        return type(data) is bytearray

    def read_from_file(self, file_path, file_extension):
        return bytearray(file_path.read_bytes())

    def write_to_file(self, data, file_path, file_extension):
        self.meanwhile()
        file_path.write_bytes(data)


@pytest.fixture
def lockless_uri():
    """A place without locks."""
    AutoStore.register_backend("lockless", Lockless)
    yield f"lockless://{uuid.uuid4().hex}"
    AutoStore.unregister_backend("lockless")


@pytest.mark.parametrize("how", ["modify", "if_etag"])
def test_a_change_of_format_in_between_is_not_lost(lockless_uri, monkeypatch, how):
    """Whoever changes a value that another replaces by another format, at that moment, does not win over it."""
    # Mutation that this was seen to catch: Mark.renewed gives a fresh time.
    store, other, reader = (AutoStore(lockless_uri) for _ in range(3))
    for handle in (store, other, reader):
        handle.register_handler(Slow())
    store["k"] = bytearray(b"1")
    writer = threading.Thread(target=other.write, args=("k", (2, 3)))

    def change_the_format():
        writer.start()
        while len(list(store.list_files("k.*"))) < 2:
            time.sleep(0.001)

    monkeypatch.setattr(Lockless, "swapped", threading.Event())
    monkeypatch.setattr(Slow, "meanwhile", staticmethod(change_the_format))
    if how == "modify":
        store.modify("k", lambda value: value + b"4")
    else:
        store.write("k", bytearray(b"14"), if_etag=store.get_metadata("k").etag)
    Lockless.swapped.set()
    writer.join()
    assert reader["k"] == (2, 3)


def test_what_a_crashed_writer_left_is_not_changed_behind_its_back(local_store, folder):
    """`modify` looks which file the value is in: a remembered one may be what a writer that died replaced."""
    # Mutation that this was seen to catch: `modify` does not forget the path.
    other = AutoStore(local_store.uri)
    local_store["k"] = [1]
    assert local_store["k"] == [1]
    kept = (folder / "k.json").read_bytes()
    other["k"] = (2, 3)
    (folder / "k.json").write_bytes(kept)
    assert local_store.modify("k", lambda value: (*value, 4)).path == "k.typed.json"
    assert other["k"] == local_store["k"] == (2, 3, 4)


def test_two_names_of_one_folder_share_its_lock(local_store, folder):
    """Moving between a folder and a link to it waits for nobody."""
    # Mutation that this was seen to catch: LocalFileBackend._inside leaves links in the name.
    local_store["real/x"] = [1]
    (folder / "alias").symlink_to("real")
    mover = threading.Thread(target=local_store.move, args=("real/x", "alias/y"), daemon=True)
    mover.start()
    mover.join(10)
    assert not mover.is_alive()
    assert local_store["real/y"] == [1]
    assert "real/x" not in local_store


def test_what_lies_below_a_file_is_not_there(local_store):
    """`in`, `get`, reading, deleting and metadata agree about a key that a file is in the way of."""
    local_store["a"] = 1
    for key in ["a.json/b.json", "a.json/b"]:
        assert key not in local_store
        assert local_store.get(key, 7) == 7
        for act in (local_store.read, local_store.get_metadata, local_store.pop, local_store.__delitem__):
            with pytest.raises(StorageFileNotFoundError):
                act(key)
