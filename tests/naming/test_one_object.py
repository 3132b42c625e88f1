"""Law 2: one key holds one object, and nobody else's file is touched."""

import threading

import pytest

from autostore import AmbiguousKeyError, AutoStore, StorageFileNotFoundError
from autostore.testing import same
from tests.optional import np, pl

FRAME = pl.DataFrame({"x": [1, 2]})
VALUES = [{"a": 1}, FRAME, "text", np.arange(3), b"\x00", (1, 2), [{"a": 1}]]


def files(store):
    return sorted(store.list_files())


def test_each_type_goes_to_its_own_file_and_the_old_one_goes(store):
    """Writing a key again as another type leaves one file, and that is the new value."""
    for value in VALUES * (1 if store.uri.startswith("s3:") else 2):
        store["k"] = value
        assert len(files(store)) == 1
        assert list(store) == ["k"]
        assert same(store["k"], value)
        assert same(AutoStore(store.uri, store.config)["k"], value)


def test_another_process_sees_the_new_format_at_once(store):
    """A handle that remembers the old file finds the new one at its next read."""
    other = AutoStore(store.uri, store.config)
    store["k"] = {"a": 1}
    assert other["k"] == {"a": 1}
    store["k"] = "text"
    assert other["k"] == "text"
    del store["k"]
    with pytest.raises(StorageFileNotFoundError):
        other["k"]


@pytest.mark.parametrize("named", ["k.csv", "k.json", "k.txt"])
def test_a_file_written_by_its_full_name_is_never_replaced(store, named):
    """Writing the bare key in another format is refused while a named file answers to it."""
    value = {"k.csv": FRAME, "k.json": {"named": 1}, "k.txt": "named"}[named]
    store[named] = value
    assert same(store["k"], value)
    with pytest.raises(AmbiguousKeyError, match=named.replace(".", r"\.")):
        store["k"] = np.arange(3)
    assert files(store) == [named]
    assert same(store[named], value)


def test_a_file_laid_by_hand_is_never_replaced(local_store, folder):
    """A stranger's file is not removed, not even when the bare key holds a value of its own."""
    local_store["k"] = {"mine": 1}
    (folder / "k.csv").write_text("a\n1\n")
    with pytest.raises(AmbiguousKeyError):
        local_store["k"] = FRAME
    assert local_store["k"] == {"mine": 1}
    local_store["k"] = {"mine": 2}  # the format stays, so nothing is in the way
    assert local_store["k"] == {"mine": 2}
    assert (folder / "k.csv").read_text() == "a\n1\n"
    assert sorted(local_store) == ["k.csv", "k.json"]
    assert local_store["k.csv"].to_dict(as_series=False) == {"a": [1]}


def test_naming_a_file_makes_it_a_named_file(store):
    """Writing `k.json` by its full name takes it out of the reach of the bare key."""
    store["k"] = {"a": 1}
    store["k.json"] = {"a": 2}
    assert store["k"] == {"a": 2}
    with pytest.raises(AmbiguousKeyError):
        store["k"] = "text"
    store["k"] = {"a": 3}  # the same format again makes it the bare key's own
    store["k"] = "text"
    assert files(store) == ["k.txt"]


def test_several_strangers_are_ambiguous(store):
    """With several named files a bare key is refused alike for reading, writing and deleting."""
    store["k.csv"], store["k.txt"] = FRAME, "text"
    for act in [
        lambda: store["k"],
        lambda: store.__setitem__("k", {}),
        lambda: store.__delitem__("k"),
        lambda: store.get_metadata("k"),
        lambda: store.copy("k", "other"),
        lambda: store.move("k", "other"),
    ]:
        with pytest.raises(AmbiguousKeyError, match=r"k\.csv.*k\.txt"):
            act()
    assert "k" in store
    assert sorted(store) == ["k.csv", "k.txt"]
    assert store["k.txt"] == "text"


def test_deleting_a_bare_key_spares_named_files(store):
    """`del store["k"]` removes what was written under `k`, and nothing else."""
    store["k"] = {"a": 1}
    store["k.csv"] = FRAME
    store["k/child"] = 1
    store["k2"] = 2
    del store["k"]
    assert files(store) == ["k.csv", "k/child.json", "k2.json"]


def test_a_crash_between_publishing_and_removing_leaves_the_new_value(local_store, folder):
    """Where both files are there, the one written later is the value, for every handle."""
    local_store["k"] = {"old": 1}
    old = (folder / "k.json").read_bytes()
    local_store["k"] = "new"
    local_store["k2"] = {"x": 1}  # its mark stands in for that of the old file
    (folder / "k.json").write_bytes(old)
    import os

    os.utime(folder / "k.json", ns=(1, 1))
    local_store._backend._marks.add("k", ".json")
    reopened = AutoStore(folder)
    assert reopened["k"] == "new"
    reopened["k"] = FRAME
    assert [path for path in files(reopened) if path.startswith("k.")] == ["k.parquet"]


def test_deleting_after_a_crash_does_not_bring_the_old_value_back(local_store, folder):
    """Deleting a key also removes what a crashed writer left beside its value."""
    local_store["k"] = {"old": 1}
    old = (folder / "k.json").read_bytes()
    local_store["k"] = "new"
    (folder / "k.json").write_bytes(old)
    import os

    os.utime(folder / "k.json", ns=(1, 1))
    local_store._backend._marks.add("k", ".json")
    del local_store["k"]
    assert "k" not in local_store
    assert files(local_store) == []


def test_a_reader_beside_a_writer_never_errs(store):
    """While a key changes its format again and again, every read gives a value that was written."""
    store["k"] = VALUES[0]
    stop = threading.Event()
    failures = []

    def write():
        try:
            while not stop.is_set():
                for value in VALUES:
                    store["k"] = value
        except Exception as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    reader = AutoStore(store.uri, store.config)
    try:
        for _ in range(60 if store.uri.startswith("s3:") else 300):
            value = reader["k"]
            assert any(same(value, written) for written in VALUES)
            assert "k" in reader
            assert reader.get_metadata("k").path.startswith("k.")
    finally:
        stop.set()
        writer.join()
    assert failures == []


def test_copy_and_move_replace_the_target_in_every_format(store):
    """The target's old file goes, in whatever format it was; onto itself nothing happens."""
    store["a"], store["b"] = FRAME, {"old": 1}
    store.copy("a", "b")
    assert files(store) == ["a.parquet", "b.parquet"]
    store["b"] = "now text"
    store.move("a", "b")
    assert files(store) == ["b.parquet"]
    before = store.get_metadata("b")
    assert store.move("b", "b").etag == store.copy("b", "b").etag == before.etag
    assert same(store["b"], FRAME)


def test_plain_keys_with_dots(store):
    """Only registered extensions are extensions."""
    store["model.v1"], store["model.v2"], store["v1.2"] = {"v": 1}, {"v": 2}, {"v": 3}
    store["Photo.Q1"] = "not an image"
    assert (store["model.v1"], store["model.v2"], store["v1.2"]) == ({"v": 1}, {"v": 2}, {"v": 3})
    assert files(store) == ["Photo.Q1.txt", "model.v1.json", "model.v2.json", "v1.2.json"]
    assert sorted(store) == ["Photo.Q1", "model.v1", "model.v2", "v1.2"]
