"""Formats and places of third parties that break their contract: named in a typed error, and nothing stored changes."""

import contextlib
import gc
import os
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from autostore import (
    AutoStore,
    BrokenPluginError,
    InvalidConfigError,
    PreconditionFailedError,
    StorageConfig,
    StorageError,
    UnsupportedFormatError,
)
from autostore.backends.memory import MemoryBackend
from autostore.plugins import DataHandler, content_type, same
from tests.reliability.scale import measured, scaled


class Odd:
    """A value that only the plugin holds."""

    def __init__(self, text="x"):
        self.text = text

    def __eq__(self, other):
        return type(other) is Odd and other.text == self.text

    __hash__ = None


class OddHandler(DataHandler):
    """A good handler; what is given to it takes the place of its methods."""

    extensions = (".odd",)
    priority = 50

    def __init__(self, **instead):
        self.instead = instead

    def can_handle_data(self, data):
        return self.instead["can"](data) if "can" in self.instead else type(data) is Odd

    def extension_for(self, data):
        return self.instead["extension"] if "extension" in self.instead else self.extensions[0]

    def read_from_file(self, file_path, file_extension):
        text = file_path.read_text()
        return self.instead["read"](file_path) if "read" in self.instead else Odd(text)

    def write_to_file(self, data, file_path, file_extension):
        self.instead.get("write", lambda data, file: file.write_text(data.text))(data, file_path)


kept = []


def keep_open(data, file):
    stream = file.open("w")
    kept.append(stream)
    stream.write("only in the buffer")


def keep_mapped(data, file):
    import numpy as np

    kept.append(np.memmap(file, dtype="u1", mode="w+", shape=(10,)))


def elsewhere(data, file):
    file.with_suffix(".other").write_text("elsewhere")


def delete(data, file):
    file.write_text("x")
    file.unlink()


def folder(data, file):
    file.mkdir()
    (file / "part").write_text("x")


def linked(data, file):
    file.with_suffix(".real").write_text("x")
    file.symlink_to(file.with_suffix(".real"))


def hard_linked(data, file):
    file.with_suffix(".real").write_text("x")
    os.link(file.with_suffix(".real"), file)


WRITES = {
    "nothing": (lambda data, file: None, "wrote nothing"),
    "elsewhere": (elsewhere, "wrote nothing"),
    "deletes": (delete, "wrote nothing"),
    "a folder": (folder, "made something else"),
    "a link": (linked, "made something else"),
    "a pipe": (lambda data, file: os.mkfifo(file), "made something else"),
    "a hard link": (hard_linked, "linked another"),
    "keeps it open": (keep_open, "still has the file open"),
    "keeps a map": (keep_mapped, "still has the file open"),
}


@pytest.fixture
def store(folder):
    with AutoStore(folder) as store:
        store["k"] = "old"
        store["d/e"] = [1]
        yield store
        while kept:
            getattr(kept.pop(), "close", lambda: None)()


def contents(store):
    return {path: (Path(store.uri.removeprefix("file://")) / path).read_bytes() for path in store.list_files()}


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a bundle"])
@pytest.mark.parametrize("kind", WRITES)
def test_what_a_handler_writes_is_one_whole_file(store, kind, nested):
    """One that writes nothing, elsewhere, a folder, a link, or keeps the file open is named."""
    # Mutation that this was seen to catch: check_written does nothing.
    write, said = WRITES[kind]
    store.register_handler(OddHandler(write=write))
    before = contents(store)
    for key in ("k", "new", "k.bundle.zip" if nested else "k.odd"):
        with pytest.raises(BrokenPluginError, match=f"OddHandler {said}"):
            store[key] = {"inside": Odd()} if nested else Odd()
    assert contents(store) == before
    assert store["k"] == "old"
    scratch = Path(store.uri.removeprefix("file://")) / ".autostore" / "tmp"
    store.close()
    gc.collect()  # a traceback that is kept keeps the folder
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "extension", [None, 5, "", "odd", "../x", "/x", ".json", ".ODD", b".odd", [".odd"], "\x00"], ids=repr
)
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a bundle"])
def test_an_extension_is_one_of_its_own(store, extension, nested):
    """What a handler gives as extension never becomes a path, nor the file of another format."""
    # Mutation that this was seen to catch: chosen_extension gives back whatever it got.
    store.register_handler(OddHandler(extension=extension))
    before = contents(store)
    with pytest.raises(BrokenPluginError, match=r"OddHandler.*not registered with"):
        store["k"] = {"inside": Odd()} if nested else Odd()
    assert contents(store) == before


def raises(error):
    def act(*_):
        raise error

    return act


@pytest.mark.parametrize(
    "error", [StopIteration("own"), ValueError("own"), KeyError("own"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("place", ["can", "write", "read"])
def test_what_a_handler_raises_leaves_as_it_is(store, place, error):
    """Wherever it is raised it arrives unchanged, and names the handler if it is an Exception."""
    good = OddHandler()
    store.register_handler(good)
    store["odd"] = Odd()
    store.register_handler(OddHandler(**{place: raises(error)}))
    with pytest.raises((type(error), RuntimeError)) as caught:
        store["odd"] if place == "read" else store.write("odd", Odd("new"))
    assert error in (caught.value, caught.value.__cause__)
    if isinstance(error, Exception):
        assert "OddHandler" in "".join(error.__notes__)
        del error.__notes__
    store.unregister_handler(OddHandler)
    store.register_handler(good)
    assert store["odd"] == Odd()


@pytest.mark.parametrize("uri", ["{}", "memory://", "wide://stop"])
def test_an_iterator_s_end_does_not_end_a_loop(folder, uri):
    """A handler that raises StopIteration does not cut values, items or an update short in silence."""
    # Mutation that this was seen to catch: in_order maps (the loops end early).
    AutoStore.register_backend("wide", type("Wide", (MemoryBackend,), {"concurrency": 4}))
    with AutoStore(uri.format(folder)) as store:
        store.register_handler(OddHandler())
        store.update({"a": Odd(), "b": 1, "c": 2})
        store.register_handler(OddHandler(read=raises(StopIteration()), write=raises(StopIteration())))
        for act in (
            lambda: list(store.values()),
            lambda: dict(store.items()),
            lambda: store.update({"d": Odd(), "e": 1}),
        ):
            with pytest.raises(RuntimeError):
                act()
    AutoStore.unregister_backend("wide")


@pytest.mark.parametrize("place", ["write", "read"])
@pytest.mark.parametrize("uri", ["{}", "memory://"])
def test_a_handler_that_uses_a_store_says_nothing_of_this_key(folder, uri, place):
    """An absent key or a lost condition that it meets there is neither to whoever uses the key at hand."""
    # Mutation that this was seen to catch: after_writing names a StorageFileNotFoundError and raises it.
    with AutoStore(uri.format(folder)) as store:
        store.register_handler(OddHandler())
        store["odd"] = Odd()
        uses = {
            "read": [lambda: store.get("odd", "default"), lambda: store.pop("odd", "default")],
            "write": [lambda: store.setdefault("odd2", Odd())],
        }
        for act in (lambda *_: store["nothing"], lambda *_: store.write("odd", Odd(), if_absent=True),
                    lambda *_: store.write("b", 1, if_etag="none")):  # fmt: skip
            store.register_handler(OddHandler(**{place: act}))
            for use in (lambda: store.modify("odd", lambda odd: odd), *uses[place]):
                with pytest.raises((StorageError, RecursionError)) as caught:
                    use()
                assert not isinstance(caught.value, KeyError | PreconditionFailedError)


WRONG = {
    "no str": {"extensions": [5]},
    "bytes": {"extensions": [b".x"]},
    "a str": {"extensions": ".x"},
    "none": {"extensions": []},
    "None": {"extensions": None},
    "upper case": {"extensions": [".X"]},
    "empty": {"extensions": [""]},
    "dot": {"extensions": ["."]},
    "no dot": {"extensions": ["x"]},
    "path": {"extensions": ["./../x"]},
    "nul": {"extensions": [".\0"]},
    "control": {"extensions": [".\x1b[31m"]},
    "surrogate": {"extensions": [".\udc80"]},
    "long": {"extensions": ["." + "x" * 300]},
    "a generator": {"extensions": (e for e in [".x"])},
    "priority": {"priority": "high"},
    "nan": {"priority": float("nan")},
    "no priority": {"priority": None},
    "requires": {"requires": "lxml"},
    "equality": {"equality": [1]},
    "comparer": {"equality": {"a.B": 5}},
    "media": {"media_types": {".x": 5}},
    "named": {"named_extensions": [".X"]},
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_a_handler_says_of_itself_is_checked_when_it_comes(store, kind):
    """Odd attributes are refused, by the class's name, and the store stays as it was."""
    # Mutation that this was seen to catch: register takes trusted(handler).
    handler = type("Wrong", (OddHandler,), WRONG[kind])()
    with pytest.raises(InvalidConfigError, match=r"Wrong cannot be registered: ") as caught:
        store.register_handler(handler)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    store["k"] = "new"
    assert dict(store.items()) == {"k": "new", "d/e": [1]}
    for thing in (5, OddHandler, "x"):
        with pytest.raises(InvalidConfigError):
            store.register_handler(thing)
    for thing in (OddHandler(), "OddHandler", None):
        with pytest.raises(InvalidConfigError, match="class"):
            store.unregister_handler(thing)


def test_a_property_that_raises_leaves_the_store_as_it_was(store):
    """Its exception leaves as it is, with the handler's name."""
    handler = type("Raising", (OddHandler,), {"extensions": property(raises(ZeroDivisionError("own")))})()
    with pytest.raises(ZeroDivisionError) as caught:
        store.register_handler(handler)
    assert "Raising" in "".join(caught.value.__notes__)
    assert dict(store.items()) == {"k": "old", "d/e": [1]}


def test_thousands_of_extensions(store):
    """They work, and no message lists them all."""
    handler = type("Many", (OddHandler,), {"extensions": [f".x{n}" for n in range(5_000)]})()
    store.register_handler(handler)
    store["odd"] = Odd()
    assert store["odd"] == Odd()
    assert "odd" in list(store)
    with pytest.raises(UnsupportedFormatError) as caught:
        store.write("k", 1, format="nope")
    assert len(str(caught.value)) < 1_500


def test_a_handler_that_never_returns_stops_nobody_else(store):
    """While one thread is in a handler for ever, others register, read, write, list and close."""
    # Mutation that this was seen to catch: register asks the handler within its turn.
    going, stop = threading.Event(), threading.Event()

    def block(*_):
        going.set()
        stop.wait(60)
        return (".odd",)

    store.register_handler(OddHandler(write=block))
    blocked = type("Blocked", (OddHandler,), {"extensions": property(block)})()
    for act in (lambda: store.write("odd", Odd()), lambda: store.register_handler(blocked)):
        going.clear()
        thread = threading.Thread(target=lambda act=act: _quietly(act), daemon=True)
        thread.start()
        assert going.wait(10)
        begun = time.monotonic()
        store.register_handler(OddHandler())
        store["x"] = Odd("y")
        assert store["x"] == Odd("y")
        assert set(store) >= {"k", "x", "d/e"}
        del store["x"]
        store.unregister_handler(OddHandler)
        store.register_handler(OddHandler(write=block))
        store.close()
        assert time.monotonic() - begun < 10
    stop.set()


def _quietly(act):
    with contextlib.suppress(Exception):
        act()


@pytest.mark.timeout(scaled(60, 1200))
def test_registrations_in_many_threads_lose_nothing(folder):
    """Handlers and places registered and removed in several threads, beside readers and writers: all are there."""
    # Mutation that this was seen to catch: register, and schemes.register, take no turn (some are lost).
    rounds, threads = scaled(15, 400), 6
    failures, stop = [], threading.Event()
    with measured("registrations in threads") as facts, AutoStore(folder) as store:
        store["a"], store["b"] = 1, "text"

        def register(number):
            for turn in range(rounds):
                cls = type(f"H{number}x{turn}", (OddHandler,), {
                    "extensions": [f".zz{number}x{turn}"], "equality": {f"no.C{number}x{turn}": same},
                    "media_types": {f".zz{number}x{turn}": f"x/{number}-{turn}"}})  # fmt: skip
                store.register_handler(cls())
                gone = type("Gone", (OddHandler,), {"extensions": [".gone"]})
                store.register_handler(gone())
                store.unregister_handler(gone)
                AutoStore.register_backend(f"b{number}x{turn}", MemoryBackend)
                AutoStore.register_backend(f"gone{number}", MemoryBackend)
                AutoStore.unregister_backend(f"gone{number}")

        def use():
            while not stop.is_set():
                store["b"] = "text"
                assert (store["a"], store["b"]) == (1, "text")
                assert set(store) == {"a", "b"}
                assert "file" in AutoStore.get_supported_backends()

        def guarded(act, *args):
            try:
                act(*args)
            except BaseException as error:
                failures.append(error)

        sys.setswitchinterval(1e-6)
        users = [threading.Thread(target=guarded, args=(use,)) for _ in range(2)]
        writers = [threading.Thread(target=guarded, args=(register, n)) for n in range(threads)]
        for thread in (*users, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in users:
            thread.join()
        sys.setswitchinterval(0.005)
        assert failures == []
        wanted = {f"{n}x{turn}" for n in range(threads) for turn in range(rounds)}
        assert wanted == {name[3:] for name in store._registry.extensions if name.startswith(".zz")}
        assert wanted == {name[1:] for name in AutoStore.get_supported_backends() if name[:1] == "b" and "x" in name}
        assert not [name for name in AutoStore.get_supported_backends() if name.startswith("gone")]
        assert {content_type(f"a.zz{one}") for one in wanted} == {f"x/{one.replace('x', '-')}" for one in wanted}
        facts.update(handlers=len(wanted), places=len(wanted), lost=0)
    for one in wanted:
        AutoStore.unregister_backend(f"b{one}")


class Liar(MemoryBackend):
    """A good place, but for what `lies` does to its answers."""

    lies = {}

    def get_metadata(self, path):
        return self._lie("get_metadata", super().get_metadata(path))

    def download(self, path, file, *, unless_etag=None):
        found = super().download(path, file, unless_etag=unless_etag)
        if "short" in self.lies:
            file.write_bytes(file.read_bytes()[:-1])
        if "no file" in self.lies:
            file.unlink()
        return self._lie("download", found)

    def upload(self, file, path, *, mark=None, if_etag=None, if_absent=False):
        if "forgets" in self.lies:
            if_etag, if_absent = None, False
        return self._lie("upload", super().upload(file, path, mark=mark, if_etag=if_etag, if_absent=if_absent))

    def delete(self, path, *, if_etag=None):
        super().delete(path, if_etag=None if "forgets" in self.lies else if_etag)

    def list_files(self, prefix=""):
        found = list(super().list_files(prefix))
        return iter(self.lies["list_files"](found)) if "list_files" in self.lies else iter(found)

    def _lie(self, call, found):
        return self.lies[call](found) if call in self.lies else found


@pytest.fixture
def liar():
    Liar.lies = {}
    AutoStore.register_backend("liar", Liar)
    with AutoStore("liar://x", StorageConfig()) as store:
        store.update({"a": {"x": 1}, "b": "text"})
        yield store
        Liar.lies = {}
        assert dict(store.items()) == {"a": {"x": 1}, "b": "text"}
        store._backend._place._space.files.clear()
    AutoStore.unregister_backend("liar")


ANSWERS = {
    "None": lambda found: None,
    "a dict": lambda found: {"size": 1},
    "another path": lambda found: replace(found, path="c.json"),
    "no etag": lambda found: replace(found, etag=None),
    "empty etag": lambda found: replace(found, etag=""),
    "bytes": lambda found: replace(found, etag=b"1"),
    "no size": lambda found: replace(found, size=None),
    "negative": lambda found: replace(found, size=-1),
    "naive time": lambda found: replace(found, modified_time=datetime(2020, 1, 1)),
    "seconds": lambda found: replace(found, modified_time=5.0),
    "a mark": lambda found: replace(found, mark="1"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", ["get_metadata", "download", "upload"])
def test_wrong_answers_name_the_place(liar, call, answer):
    """What a place answers is what its contract says, or an error that names it and the key."""
    # Mutation that this was seen to catch: AutoStore takes the backend as it is.
    act = {"get_metadata": lambda: liar.get_metadata("a.json"), "download": lambda: liar["a.json"],
           "upload": lambda: liar.write("a.json", {"x": 1})}[call]  # fmt: skip
    Liar.lies = {call: ANSWERS[answer]}
    with pytest.raises(BrokenPluginError, match=r"tests\.plugins\.test_hostile_plugins\.Liar .*'a\.json' in memory://"):
        act()


@pytest.mark.parametrize("lie", ["short", "no file"])
def test_a_short_file_is_never_a_value(liar, lie):
    """Fewer bytes than the place says are an error of the place, and no damage; a CSV would read as another table."""
    liar["t.csv"] = __import__("polars").DataFrame({"a": [10, 20]})
    Liar.lies = {lie: True}
    for act in (lambda: liar["t.csv"], lambda: liar.get("a", "default"), lambda: dict(liar.items())):
        with pytest.raises(BrokenPluginError, match="bytes of"):
            act()
    Liar.lies = {}
    del liar["t.csv"]


LISTINGS = {
    "twice": lambda found: [found[0], *found],
    "out of order": lambda found: found[::-1],
    "foreign": lambda found: [replace(found[0], path="0/else.json"), *found],
    "no metadata": lambda found: [one.path for one in found],
    "None": lambda found: [None],
    "no path": lambda found: [replace(found[0], path=None)],
}


@pytest.mark.parametrize("kind", LISTINGS)
def test_a_listing_is_sorted_whole_and_below_its_prefix(liar, kind):
    """A place that lists a path twice, out of order, or one that was not asked for is named."""
    Liar.lies = {"list_files": LISTINGS[kind]}
    acts = [lambda: list(liar.list_files("a*") if kind == "foreign" else liar.list_files())]
    acts += [lambda: list(liar.keys("a") if kind == "foreign" else liar)]
    for act in acts:
        with pytest.raises(BrokenPluginError, match="Liar"):
            act()


def test_conditions_hold_at_a_place_that_forgets_them(liar):
    """A look before a conditional change finds what is there already: nothing is overwritten or removed."""
    Liar.lies = {"forgets": True}
    with pytest.raises(PreconditionFailedError):
        liar.write("a.json", 2, if_absent=True)
    with pytest.raises(PreconditionFailedError):
        liar.write("a.json", 2, if_etag="another")
    with pytest.raises(PreconditionFailedError):
        liar._backend.delete("a.json", if_etag="another")
    liar.modify("a.json", lambda value: value)
