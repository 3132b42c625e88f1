"""Where history can be kept and where it cannot: plugins' places work, and refusals come before anything changes."""

import errno
import fcntl
import os
import pickle
import shutil
import uuid

import pytest

from autostore import AutoStore, InvalidConfigError, StorageConfig, StorageConnectionError
from autostore.backends.memory import MemoryBackend
from autostore.errors import StorageIOError
from tests.history.test_versions import values
from tests.plugins.sqlite_place import SQLiteBackend

KEPT = StorageConfig(history=True)


class Forgetful(MemoryBackend):
    """A place without locks that ignores conditions, as old S3s do."""

    locks_exclude = False

    def upload(self, file, path, *, mark=None, if_etag=None, if_absent=False):
        return super().upload(file, path, mark=mark)


class Refusing(MemoryBackend):
    """A place without locks that refuses conditions, as file systems behind a bridge do."""

    locks_exclude = False

    def upload(self, file, path, *, mark=None, if_etag=None, if_absent=False):
        if if_absent or if_etag is not None:
            return super().upload(file, path, mark=mark, if_etag="none has this")
        return super().upload(file, path, mark=mark)


@pytest.fixture
def open_plugin():
    """Opens a handle on a place of a class, under a scheme of its own."""
    schemes = []

    def open_one(cls, rest="", **settings):
        scheme = f"x{uuid.uuid4().hex}"
        schemes.append(scheme)
        AutoStore.register_backend(scheme, cls)
        return AutoStore(f"{scheme}://{rest or scheme}", StorageConfig(**settings))

    yield open_one
    for scheme in schemes:
        AutoStore.unregister_backend(scheme)


@pytest.mark.parametrize("place", [Forgetful, Refusing])
def test_a_place_without_conditions_is_refused(open_plugin, place):
    """The first write says so, and nothing is there after it."""
    store = open_plugin(place, history=True)
    for change in [lambda: store.write("k", 1), lambda: store.write("k.json", 1), lambda: store.setdefault("k", 1)]:
        with pytest.raises(InvalidConfigError, match="history=False"):
            change()
    assert list(store.list_files()) == []
    assert "k" not in store


def test_a_plugins_place(open_plugin, tmp_path):
    """A place without locks that checks conditions keeps history under claims."""
    store = open_plugin(SQLiteBackend, str(tmp_path / "s.db"), history=True)
    for value in [1, 2, "text", [3]]:
        store["k"] = value
    store["t.json"] = {"a": 1}
    store["t.json"] = {"a": 2}
    store.move("k", "l")
    assert values(store, "k") == [[3], "text", 2, 1]
    assert values(store, "l") == [[3]]
    assert values(store, "t.json") == [{"a": 2}, {"a": 1}]
    assert list(store.keys()) == ["l", "t"]
    store.restore("k", store.versions("k")[-1].id)
    assert store["k"] == 1
    assert len(store.prune(keep=1).removed) == 5


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    """Nothing tells writers apart there, so nothing is replaced."""
    plain = AutoStore(tmp_path)
    plain["k"] = 1

    def none(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", none)
    store = AutoStore(tmp_path, KEPT)
    for change in [lambda: store.write("k", 2), lambda: store.write("new", 2), lambda: store.__delitem__("k")]:
        with pytest.raises(StorageConnectionError, match="history=False"):
            change()
    assert dict(store.items()) == {"k": 1}


def test_a_full_disk(tmp_path, monkeypatch):
    """Where what is there cannot be kept it is not replaced either."""
    store = AutoStore(tmp_path, KEPT)
    store["k"] = 1

    # Raised by what counts as the system, not by this test.
    system = {"__name__": "os", "OSError": OSError, "ENOSPC": errno.ENOSPC}
    exec("def full(*_, **__): raise OSError(ENOSPC, 'No space left on device')", system)
    for name, owner in [("link", os), ("copyfile", shutil)]:
        monkeypatch.setattr(owner, name, system["full"])
    for change in [lambda: store.write("k", 2), lambda: store.__delitem__("k"), lambda: store.move("k", "l")]:
        with pytest.raises(StorageIOError):
            change()
    monkeypatch.undo()
    assert dict(store.items()) == {"k": 1}
    assert values(store, "k") == [1]


@pytest.mark.parametrize(
    "settings", [{"history": "yes"}, {"history_keep": -1}, {"history_keep": 1.5}, {"history_days": "1"}]
)
def test_bad_settings(settings):
    """What cannot be a setting is refused when it is made."""
    with pytest.raises(InvalidConfigError):
        StorageConfig(**settings)


def test_a_pickled_store_keeps_on(kept):
    """History travels with the store's settings into another process."""
    kept["k"] = 1
    other = pickle.loads(pickle.dumps(kept)) if not kept.uri.startswith("memory") else kept
    other["k"] = 2
    assert values(kept, "k") == [2, 1]
