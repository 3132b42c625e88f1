"""Bad input at every public door: a typed error with key, uri and remedy, and nothing stored has changed."""

import inspect
import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading

import pytest

import autostore
from autostore import (
    AutoStore,
    CorruptDataError,
    InvalidConfigError,
    InvalidKeyError,
    LocalFileConfig,
    StorageError,
    StorageFileNotFoundError,
    StoragePermissionError,
    UnsupportedFormatError,
    UnsupportedSchemeError,
    UntrustedDataError,
    errors,
)
from tests.optional import Image, np

BAD_KEYS = [
    "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a//b", "a/", "a\0b", ".autostore",
    "a/.autostore/b", "x" * 256, "a/" * 600 + "b", "\ud800", None, 3, b"bytes", ("a",),
]  # fmt: skip


def snapshot(store):
    return {path: store.read(path, as_type=bytes) for path in store.list_files()}


def test_bad_keys(store, tmp_path):
    """A key that cannot name anything is refused at every door."""
    store["good"] = 1
    before = snapshot(store)
    branch = store.over(tmp_path / "base")
    for key in BAD_KEYS:
        for act in [
            lambda key: store[key],
            lambda key: store.__setitem__(key, 2),
            lambda key: store.__delitem__(key),
            lambda key: key in store,
            lambda key: store.get(key),
            lambda key: store.pop(key, None),
            lambda key: store.exists(key),
            lambda key: store.get_metadata(key),
            lambda key: store.copy("good", key),
            lambda key: store.copy(key, "good"),
            lambda key: store.move("good", key),
            lambda key: store.modify(key, str),
            lambda key: store.setdefault(key, 1),
            lambda key: store.versions(key),
            lambda key: store.restore(key, "0-0"),
            lambda key: store.scan(key if key != "a/" else "a//"),  # a prefix may end so, here and below
            lambda key: store.url(key if key != "a/" else "a//"),
            lambda key: store.prune(key if key not in ("", "a/") else "a//"),
            lambda key: branch.diff(key if key not in ("", "a/") else "a//"),
            lambda key: branch.promote(key if key not in ("", "a/") else "a//"),
            lambda key: branch.discard(key if key not in ("", "a/") else "a//"),
            lambda key: store.info(key),
            lambda key: store.show(key),
            lambda key: store.checksum(key),
            lambda key: store.copy_to(store / "below", key),
            lambda key: store.move_to(store / "below", key),
            lambda key: store / (key if key != "a/" else ""),  # a prefix may end so
        ]:
            with pytest.raises(InvalidKeyError) as caught:
                act(key)
            assert isinstance(caught.value, ValueError)
            assert store.uri in str(caught.value)
    assert snapshot(store) == before


def test_a_bare_key_too_long_for_its_extension(store):
    """What fits only without its extension is refused when it is written."""
    with pytest.raises(InvalidKeyError, match="too long"):
        store["x" * 252] = {"a": 1}
    store["x" * 250 + ".json"] = {"a": 1}
    assert len(store) == 1


@pytest.mark.parametrize("uri", ["", None, 5, b"x", "nope://x", "a\0b"], ids=repr)
def test_bad_uris(uri):
    """A URI that nothing serves is refused when the store is made."""
    with pytest.raises((InvalidKeyError, UnsupportedSchemeError)):
        AutoStore(uri)


def test_a_refused_store_leaves_the_caller_s_own_exception_alone():
    """What is being handled while a store is refused keeps the variables of its frames, for whoever looks into it."""

    def work():
        wanted = "a value"
        raise KeyError(wanted)

    try:
        work()
    except KeyError as mine:
        with pytest.raises(UnsupportedSchemeError):
            AutoStore("gopher://x/")
        assert mine.__traceback__.tb_next.tb_frame.f_locals == {"wanted": "a value"}


def test_a_folder_that_is_a_file(tmp_path):
    """A file where the folder should be is named in the error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidKeyError, match="file"):
        AutoStore(tmp_path / "file")


def test_unpicklable_objects_change_nothing(store):
    """What no format can hold is refused, and the old value stays."""
    store["k"] = {"old": 1}
    before = snapshot(store)
    for value in [
        lambda: 0,
        (n for n in []),
        open(os.devnull),
        [lambda: 0],
        {"x": {1: lambda: 0}},
        inspect.currentframe(),
    ]:
        with pytest.raises(UnsupportedFormatError, match="'k'"):
            store["k"] = value
        getattr(value, "close", lambda: None)()
    assert snapshot(store) == before
    assert store["k"] == {"old": 1}


def test_the_remedy_fits_the_value(local_store):
    """A generator or a lock has no class to be moved; and what several formats say is said once."""
    for value, remedy in [
        ((n for n in [1]), r"generator' object\. Store list\(\.\.\.\) of it\.$"),
        (threading.Lock(), r"lock' object\. Store the data it is made of\.$"),
        (lambda: 0, "define it, or its class, at the top level of a module"),
    ]:
        with pytest.raises(UnsupportedFormatError, match=remedy):
            local_store["k"] = value
    with pytest.raises(UnsupportedFormatError) as caught:
        local_store["k"] = [1, {"a": threading.Lock()}]
    assert str(caught.value).count("[1].a is of the class") == 1
    assert "bare key" not in str(caught.value)  # it is one
    with pytest.raises(UnsupportedFormatError, match="bare key"):
        local_store["k.json"] = [1, {"a": threading.Lock()}]
    with pytest.raises(UnsupportedFormatError, match=r"\.pkl takes no options") as caught:
        local_store.write("k", {"a": 1}, options={"compression": "zstd"})
    assert str(caught.value).count("Leave options= out") == 1
    with pytest.raises(UnsupportedFormatError, match=r"\.csv does not hold list objects, but tables of Polars"):
        local_store["k.csv"] = [{"a": 1}]


@pytest.mark.parametrize(
    ("key", "format", "remedy"),
    [
        ("k", "parquett", "Did you mean 'parquet'"),
        ("k", "cvs", "Did you mean 'csv'"),
        ("k", "toml", r"only chosen by the name of a key .*Write it as 'k\.toml'"),
        ("k.json", "yaml", r"contradicts \.json .*Leave out format="),
    ],
)
def test_a_wrong_format(local_store, key, format, remedy):
    """The nearest is named, a format that only a key chooses, and which of two to leave out."""
    with pytest.raises(UnsupportedFormatError, match=remedy):
        local_store.write(key, {"a": 1}, format=format)


@pytest.mark.parametrize(
    ("name", "home"),
    [("history", "StorageConfig(history=...)"), ("region_name", "S3StorageConfig(region_name=...)"), ("no", "(...)")],
)
def test_settings_are_no_arguments(tmp_path, name, home):
    """The error says where a setting belongs, as Dagster's manager does."""
    with pytest.raises(InvalidConfigError, match=re.escape(f"has no argument {name!r}")) as caught:
        AutoStore(tmp_path, **{name: True})
    assert home in str(caught.value)


SAMPLES = {
    ".json": {"a": [1, 2, {"b": None}]},
    ".jsonl": [{"a": 1}, {"b": "x"}],
    ".txt": "text",
    ".yaml": {"a": [1]},
    ".npy": np.arange(100),
    ".npz": {"x": np.arange(100)},
    ".pkl": {1, 2, 3},
    ".typed.json": (1, 2),
    ".bundle.zip": {"a": np.arange(3)},
    ".png": Image.new("RGB", (9, 9)),
    ".parquet": None,
    ".csv": None,
    ".pt": None,
    ".sparse": None,
    ".pydantic.json": None,
    ".dataclass.json": None,
}


def sample(extension):
    import polars as pl
    import scipy.sparse

    from tests.optional import torch
    from tests.store.values import Run, Settings

    made = {
        ".parquet": lambda: pl.DataFrame({"a": range(50)}),
        ".csv": lambda: pl.DataFrame({"a": range(50)}),
        ".pt": lambda: torch.arange(50),
        ".sparse": lambda: scipy.sparse.eye_array(9, format="csr"),
        ".pydantic.json": lambda: Settings(name="x"),
        ".dataclass.json": lambda: Run(number=1),
    }
    return made[extension]() if extension in made else SAMPLES[extension]


GARBAGE = [b"", b"\0", b"garbage that is no format at all", b"{", b"\xff\xfe\xfd" * 99, b"PK\x03\x04" + b"\0" * 40]
# Any bytes of valid UTF-8 are a text, and nearly any text is a CSV or a YAML scalar.
FORGIVING = {".txt", ".csv", ".yaml"}


@pytest.mark.parametrize("extension", SAMPLES)
def test_damaged_files(local_store, folder, extension):
    """Truncated and garbage files give CorruptDataError or UntrustedDataError with the key, never another error."""
    local_store["k" + extension] = sample(extension)
    good = (folder / ("k" + extension)).read_bytes()
    cuts = [good[: len(good) * n // 8] for n in range(8)] if extension not in FORGIVING else []
    refused = 0
    for bad in [*cuts, *GARBAGE]:
        (folder / ("k" + extension)).write_bytes(bad)
        try:
            local_store["k" + extension]
        except (CorruptDataError, UntrustedDataError) as error:
            refused += 1
            assert "k" + extension in str(error)
            assert local_store.uri in str(error)
    assert refused >= (len(cuts) if extension != ".jsonl" else 1)
    (folder / ("k" + extension)).write_bytes(good)
    local_store["k" + extension]


def test_a_missing_library_is_named_with_the_command(tmp_path):
    """Without the library of a format its files cannot be read, and the error says what to install."""
    code = """
import sys
for name in ("polars", "pyarrow", "pandas", "yaml", "PIL", "torch", "scipy", "numpy", "fsspec", "dagster"):
    sys.modules[name] = None
from autostore import AutoStore, MissingDependencyError, UnsupportedSchemeError
store = AutoStore(sys.argv[1])
store["plain"] = {"works": True}
for key in ("t.parquet", "t.csv", "t.yaml", "t.png", "t.npy", "t.npz", "t.pt", "t.sparse"):
    try:
        store[key]
    except MissingDependencyError as error:
        assert isinstance(error, ImportError) and "pip install" in str(error) and key in str(error), error
    else:
        raise AssertionError(key)
for use, install in [
    (lambda: AutoStore("sftp://host/data"), "fsspec+sftp://..., after pip install 'dagster-autostore[fsspec]'"),
    (lambda: __import__("autostore_dagster"), "pip install 'dagster-autostore[dagster]'"),
]:
    try:
        use()
    except (UnsupportedSchemeError, ImportError) as error:
        assert install in str(error), error
    else:
        raise AssertionError(install)
"""
    store = AutoStore(tmp_path)
    for extension in (".parquet", ".csv", ".yaml", ".png", ".npy", ".npz", ".pt", ".sparse"):
        store["t" + extension] = sample(extension)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)


FULL = """
import resource, signal, sys
from autostore import AutoStore, StorageIOError
store = AutoStore(sys.argv[1])
store["k"] = {"old": 1}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for value in ("x" * 10_000, b"x" * 10_000, {"x": "y" * 10_000}, (1, "x" * 10_000)):
    try:
        store["k"] = value
    except StorageIOError as error:
        assert "'k'" in str(error) and isinstance(error, OSError), error
    else:
        raise AssertionError(type(value))
assert store["k"] == {"old": 1}
assert list(store.list_files()) == ["k.json"]
"""


def test_a_file_that_cannot_be_written_whole(tmp_path):
    """Where the file system refuses to take more bytes, the old value stays and the error is typed."""
    subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], check=True, timeout=60)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(local_store, folder):
    """An unwritable folder refuses, and what was there stays."""
    local_store["k"] = 1
    os.chmod(folder, 0o500)
    try:
        with pytest.raises(StoragePermissionError, match="'k'"):
            local_store["k"] = 2
    finally:
        os.chmod(folder, 0o700)
    assert local_store["k"] == 1


UNWRITABLE = """
import os, sys
from autostore import AutoStore, StoragePermissionError
store = AutoStore(sys.argv[1])
store["k"] = {"old": 1}
os.chmod(sys.argv[1], 0o555)
os.setuid(65534)
store = AutoStore(sys.argv[1])
write, delete = lambda: store.__setitem__("k", {"new": 1}), lambda: store.__delitem__("k")
for act in (write, delete, lambda: store.copy("k", "l"), lambda: store.move("k", "l")):
    try:
        act()
    except StoragePermissionError as error:
        assert "k" in str(error) and isinstance(error, PermissionError), error
    else:
        raise AssertionError
assert AutoStore(sys.argv[1])["k"] == {"old": 1}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused():
    """Whoever may not write is refused with a typed error, and still reads."""
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to others
        os.chmod(place, 0o755)
        subprocess.run([sys.executable, "-c", UNWRITABLE, place], check=True, timeout=60)


UNREADABLE = """
import os, sys
from autostore import AutoStore, StoragePermissionError
store = AutoStore(sys.argv[1])
store.update({"closed": b"x", "open": b"y"})
os.chmod(f"{sys.argv[1]}/closed.bin", 0)
shown = str(store.tree(headers=True)), store._repr_html_(), store.checksum("open")  # imports what looking needs
os.setuid(65534)
for act in (store.info, store.checksum, store.show, store.__getitem__):
    try:
        act("closed")
    except StoragePermissionError as error:
        assert "key 'closed" in str(error), error
    else:
        raise AssertionError(act)
tree = str(store.tree(headers=True))
assert "StoragePermissionError" in tree and "bytes" in tree, tree
assert "StoragePermissionError" in store._repr_html_()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_may_not_be_read_is_named():
    """What looks into files says which may not be read, as an error of the library's; a tree shows all others."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        subprocess.run([sys.executable, "-c", UNREADABLE, place], check=True, timeout=60)


def test_a_read_only_store_names_what_was_asked_for(folder):
    """A key with the place that it lies in, also of a part of a store; no key where none was named."""
    AutoStore(folder)["x/a"] = 1
    store = AutoStore(folder, LocalFileConfig(read_only=True))
    branch = AutoStore(folder.with_name("branch"), LocalFileConfig(read_only=True), base=AutoStore(folder))
    for act in (lambda: store.__delitem__("x/a"), lambda: (store / "x").__setitem__("a", 2)):
        with pytest.raises(StoragePermissionError, match=rf"key 'x/a' in {store.uri}\)"):
            act()
    for act in (lambda: (store / "x").prune(keep=1), branch.promote, branch.discard):
        with pytest.raises(StoragePermissionError, match=r"This store is read-only \(file:"):
            act()


@pytest.mark.parametrize("key", ["run.dat2", "run"])
def test_who_finds_nothing_learns_of_files_that_no_format_reads(local_store, folder, key):
    """What a plugin wrote that is not here, or another program, is not found; the error says what lists it."""
    local_store["other"] = 1
    (folder / "run.dat2").write_bytes(b"x")
    with pytest.raises(StorageFileNotFoundError, match=r"store\.list_files\(\) also files that no format here reads"):
        local_store[key]
    assert list(local_store.keys()) == ["other"]
    assert list(local_store.list_files("run*")) == ["run.dat2"]


def test_a_store_has_no_reverse_order(local_store):
    """`reversed` says so; it would ask for the numbers up to `len`, as of a list."""
    local_store["k"] = 1
    with pytest.raises(TypeError, match="not reversible"):
        reversed(local_store)


def test_in_and_get_swallow_absence_only(local_store, folder):
    """A link out of the root is refused by `in` and `get` too; it does not count as absent."""
    local_store["a"] = 1
    os.symlink("/etc/hostname", folder / "out.txt")
    for act in [lambda: "out.txt" in local_store, lambda: local_store.get("out.txt")]:
        with pytest.raises(InvalidKeyError, match="out of the store"):
            act()


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.endswith("Error")])
def test_errors_pickle_and_have_builtins(name):
    """Each error survives pickling, shows its plain message, and is a StorageError."""
    cls = getattr(errors, name)
    sent = cls("what happened")
    sent.add_note("a note")
    error = pickle.loads(pickle.dumps(sent))
    assert type(error) is cls
    assert error.__notes__ == ["a note"]
    assert str(error) == "what happened"
    assert isinstance(error, StorageError)
    assert cls.__doc__
    assert isinstance(error, KeyError) == (cls is StorageFileNotFoundError)


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.endswith("Error")])
def test_errors_pickle_as_dask_does(name):
    """tblib, which Dask and Celery bring, makes exceptions without their class unless they say how."""
    tblib = pytest.importorskip("tblib.pickling_support")
    cls = getattr(errors, name)
    try:
        raise cls("what happened")
    except cls as error:
        made, arguments, *_ = tblib.pickle_exception(error)
    assert type(made(*arguments)) is cls


def test_no_foreign_pickle_runs_without_leave(tmp_path):
    """With allow_pickle=False a pickle is refused in both directions, and its code does not run."""
    store = AutoStore(tmp_path, LocalFileConfig(allow_pickle=False))

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "k.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UntrustedDataError, match="'k'"):
        store["k"]
    with pytest.raises(UntrustedDataError, match="'new'"):
        store["new"] = object()
    assert not (tmp_path / "ran").exists()
    assert list(store.list_files()) == ["k.pkl"]


def test_every_door_of_the_store_is_named_here():
    """A new public method must be thought of in these tests."""
    doors = {name for name in dir(AutoStore) if not name.startswith("_")}
    awaited = {
        f"a{name}"
        for name in ("copy", "delete", "exists", "info", "keys", "modify", "move", "path", "read", "update", "write")
    }
    assert doors - awaited == {
        "cache", "path",
        "base", "begins_here", "checksum", "cleanup", "cleanup_cache", "close", "copy", "copy_to", "diff", "discard",
        "entries", "exists", "formats", "get", "get_metadata", "get_size", "get_supported_backends", "info", "items",
        "keeps_versions", "keys", "list_files", "modify", "move", "move_to", "over", "pop", "preview", "promote",
        "prune", "read",
        "register_backend", "register_handler", "restore", "scan", "setdefault", "show", "storage_options", "tree",
        "unregister_backend", "unregister_handler", "update", "uri", "url", "values", "versions", "write",
    }  # fmt: skip
    assert awaited < doors
    assert autostore.__version__


def test_a_relative_folder_in_a_folder_that_is_gone(tmp_path):
    """The error says so; once it was the operating system's own, without a word of what was looked for."""
    script = "import os, sys; os.rmdir(os.getcwd())\nfrom autostore import *\ntry: AutoStore('data')\n"
    script += "except StorageError as error: print(type(error).__name__, error)"
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "gone", capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.startswith("InvalidKeyError")
    assert "'data'" in done.stdout


def test_a_key_that_only_some_extensions_fit(store):
    """It is written, deleted and asked for as any other, beside others too; a format that does not fit is refused."""
    key = "k" * 251
    store["other"] = 1
    assert key not in store
    assert store.get(key, "default") == "default"
    assert store.setdefault(key, "text") == "text"
    with pytest.raises(InvalidKeyError, match="too long"):
        store[key] = {"a": 1}
    assert store[key] == "text"
    del store[key]
    assert key not in store
    store.write(key, "new", if_absent=True)
    assert sorted(store) == [key, "other"]
