"""What scripts trust: exit codes, one sentence on stderr, JSON on stdout, nothing half done, no traceback."""

import json
import os
import re
import subprocess
import sys

import pytest

from autostore import AutoStore, StorageConfig
from autostore.cli.boundary import exit_code
from autostore.cli.commands import app
from autostore.errors import StorageError
from tests.cli.conftest import COMMAND, ROOT
from tests.optional import pl
from tests.store.values import Plain


def sentence(done):
    [line] = done.err.splitlines()
    assert line.startswith("autostore: ")
    return line


def test_each_failure_has_its_code(tmp_path, shell):
    """Not found, refused, unreachable, conflict, damaged and wrong usage are told apart, in one sentence each."""
    store = AutoStore(shell.folder / "d")
    store["k"] = 1
    (shell.folder / "d" / "bad.parquet").write_bytes(b"x")
    (shell.folder / "d" / "two.csv").write_bytes(b"a\n1\n")
    (shell.folder / "d" / "two.txt").write_bytes(b"a")
    shell.environment |= {
        "AUTOSTORE_TIMEOUT": "2",
        "AUTOSTORE_MAX_RETRIES": "0",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    shell.environment |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "x"}
    assert "Nothing is stored" in sentence(shell("cat", "d/none", code=3))
    assert "as_type=bytes" in sentence(shell("info", "d/bad", code=7))
    assert "two.csv" in sentence(shell("info", "d/two", code=6))
    assert "no backend" in sentence(shell("ls", "nowhere://x/", code=2)).lower()
    assert "s3://bucket" in sentence(shell("ls", "s3://bucket/", code=5))
    shell.environment["AUTOSTORE_READ_ONLY"] = "true"
    assert "read-only" in shell("cp", "d/k", "d/l", code=4).err
    assert "No such command" in shell("lss", code=2).err


def test_every_error_has_a_code():
    """No error of the library is left without a code of its own kind, or says 8 where it is nothing else."""
    kinds, open_kinds = [], [StorageError]
    while open_kinds:
        kind = open_kinds.pop()
        kinds.append(kind)
        open_kinds += kind.__subclasses__()
    codes = {kind.__name__: exit_code(kind("x")) for kind in kinds if kind.__module__ == "autostore.errors"}
    others = {name for name, code in codes.items() if code == 8}
    assert others == {"StorageError", "StorageIOError"}


def test_debug_shows_where(tmp_path, shell):
    """--debug gives the traceback, and the same code."""
    with shell.start("cat", "d/none", "--debug", stderr=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        _, err = run.communicate(timeout=60)
    assert run.returncode == 3
    assert b"Traceback" in err


def test_nobody_reads_on(tmp_path, shell):
    """`autostore ls | head` ends quietly when the reader goes."""
    store = AutoStore(shell.folder / "d")
    store["long"] = "x" * 5_000_000
    for words in (["cat", "d/long"], ["sync", "-h"], ["--version"]):
        with shell.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            if "cat" in words:
                run.stdout.read(10)
            run.stdout.close()
            err = run.stderr.read()
            run.wait(timeout=60)
        assert (run.returncode, err) == (141, b""), words


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_closed_streams(shell, closed):
    """A daemon may have none of stdin, stdout and stderr; no file of the store gets their numbers."""
    store = AutoStore(shell.folder / "d")
    store["k"] = 1
    streams = {
        name: subprocess.PIPE for number, name in enumerate(("stdin", "stdout", "stderr")) if number not in closed
    }
    closing = ["sh", "-c", " ".join(['exec "$@"', *(f"{number}>&-" for number in closed)]), "sh"]
    words = [*closing, *COMMAND, "mv", "d/k", "d/moved"]
    with subprocess.Popen(words, cwd=shell.folder, env=shell.environment, **streams) as run:
        out, err = run.communicate(timeout=60)
    assert (run.returncode, err or b"") == (0, b"")
    assert out in (None, b"move\tk\t1\n")
    assert store["moved"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lss"], "No such command 'lss'. Did you mean 'ls'? `autostore --help` tells more."),
        (["ls", "--nope"], "No such option: --nope"),
        (["info"], "Missing argument 'KEY...'. `autostore info --help` tells more."),
        (["head", "-n", "many", "k"], "Invalid value for '--rows'"),
        (["diff", "a", "b"], "The base is named as an option: `autostore diff BRANCH --base STORE`."),
        (["du", "a", "b"], "Got unexpected extra argument"),
        ([], "Which command? `autostore --help` tells more."),
    ],
)
def test_wrong_words(tmp_path, shell, words, said):
    """In a pipe what is wrong with the command line is one sentence; in a terminal it is a box."""
    done = shell(*words, code=2)
    assert said in sentence(done)
    assert bool(done.out) == (not words)  # without any, the help
    seen = re.sub(r"\x1b\[[0-9;]*m", "", shell.terminal(*words, code=2))
    assert ("─ Error ─" in seen) == bool(words)


JSON = {
    "ls": ["d"], "tree": ["--headers", "d"], "info": ["d/k", "d/t"], "cat": ["d/k", "d/t"], "head": ["d/t"],
    "du": ["d"], "formats": [], "versions": ["d/k"], "restore": ["d/k", "ID"], "prune": ["--keep", "1", "d"],
    "url": ["d/k"], "cp": ["d/k", "d/copy"], "mv": ["d/copy", "d/moved"], "sync": ["d", "e"], "rm": ["e/moved"],
    "diff": ["--base", "d", "b"], "discard": ["--base", "d", "b/gone"], "promote": ["--base", "d", "b"],
    "verify": ["--all", "d"], "migrate": ["d/p"], "cache": ["d"], "init": [],
}  # fmt: skip
"""Command -> its words, of which each has something to say; run in this order."""


@pytest.mark.filterwarnings("ignore::autostore.PickledWarning")
def test_json_is_json(tmp_path, shell):
    """Each command, asked for JSON, says at least one line, each a JSON value, and nothing else on stdout."""
    shell.environment |= {"AUTOSTORE_HISTORY": "true", "AUTOSTORE_CACHE_ENABLED": "true"}
    with AutoStore(shell.folder / "d", StorageConfig(history=True)) as store:
        store["k"], store["k"], store["t"] = [1], [2], pl.DataFrame({"x": [1]})
        store["p"] = Plain(1)
        with AutoStore(shell.folder / "b", base=store) as branch:
            branch["new"], branch["gone"] = 1, 2
        old = store.versions("k")[1].id
    assert set(JSON) == {command.name or command.callback.__name__ for command in app.registered_commands}
    for name, words in JSON.items():
        lines = shell(name, "--json", *(old if word == "ID" else word for word in words)).lines
        assert lines, name
        for line in lines:
            told = json.loads(line)
            assert isinstance(told, list if name == "head" else dict), (name, line)


def test_without_its_libraries_the_command_says_what_to_install(tmp_path):
    """Somebody who installed the core alone is told the extra."""
    code = "import sys; sys.modules['typer'] = None; from autostore.cli.main import run; run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 2
    assert "pip install 'dagster-autostore[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_is_installed_under_its_name():
    """pyproject.toml names a function that is there; so do `python -m autostore` and `... autostore.cli`."""
    import importlib
    import tomllib

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["autostore"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    for command in (COMMAND, [sys.executable, "-m", "autostore"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, cwd=ROOT)
        assert done.stdout.startswith("autostore "), done.stderr


def test_help_loads_none_of_the_heavy_libraries():
    """Asking for help, and completing, is quick: no frame, array or cloud library is loaded for it."""
    code = """
import sys
from autostore.cli.commands import app
heavy = {"boto3", "polars", "numpy", "torch", "PIL", "pandas", "pyarrow", "pydantic", "yaml"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_key_that_is_like_another_is_named(filled, place, shell):
    """A misspelt one, on any place, by whatever command; nothing is guessed where nothing is like it."""
    assert "Did you mean 'flights/monday'?" in sentence(shell("head", "-s", place, "flights/mondya", code=3))
    for words in (["cat", "note"], ["rm", "note"], ["restore", "note", "1-1"]):
        assert "Did you mean 'notes'?" in sentence(shell(*words, "-s", place, code=3))
    assert "Did you" not in sentence(shell("cat", place + "quite-another", code=3))
    assert "Did you" not in sentence(shell("restore", "notes", "1-none", "-s", place, code=3))


def test_a_folder_is_told(filled, place, shell):
    """A word that names a folder full of keys is not said to name nothing."""
    for words in (["rm", "flights"], ["cp", "flights", "other"], ["cat", "flights"], ["cat", "flights/"]):
        said = sentence(shell(*words, "-s", place, code=3))
        assert "a folder, not a key" in said
        assert ("'folder/**'" if words[0] == "cat" else "-r") in said


def test_remedies_are_commands(filled, place, shell):
    """Who types commands is told commands; a folder is no key, and -r is not offered where there is none."""
    for words in (["head", "none"], ["cat", "none"], ["restore", "notes", "1-none"]):
        said = sentence(shell(*words, "-s", place, code=3))
        assert "`autostore " in said
        assert "store." not in said
    assert "`autostore ls flights/` lists its keys" in sentence(shell("head", "-s", place, "flights/", code=2))
    assert " -r " not in sentence(shell("cat", "-s", place, "flights/", code=3))
    assert shell("cat", "-s", place, "flights/*/er").out == '{"a": 1}'


def test_nothing_of_python_shows(tmp_path, shell):
    """A warning is one sentence, a full disk too; an encoding that lacks a sign shows its number."""
    store = AutoStore(shell.folder / "d")
    store["ü"] = 1
    (shell.folder / "d" / os.fsdecode(b"no-\xff.txt")).write_text("x")
    narrow = shell.environment | {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "autostore.cli", "ls", "d"]
    done = subprocess.run(command, cwd=shell.folder, env=narrow, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "\\xfc\n")
    [line] = done.stderr.splitlines()
    assert line.startswith("autostore: 1 found in ")
    with open("/dev/full", "w") as full, shell.start("ls", "d", stdout=full, stderr=subprocess.PIPE) as run:
        _, err = run.communicate(timeout=60)
    assert (run.returncode, err.splitlines()[-1]) == (8, b"autostore: No space left on device. (--debug shows where)")


def test_what_is_copied_is_whole_in_a_narrow_terminal(tmp_path, shell):
    """Keys and ids of versions are never folded: the terminal itself breaks the line, and gives it back whole."""
    store = AutoStore(shell.folder / "d", StorageConfig(history=True))
    store["a/long/key/of/some/words"] = 1
    store["a/long/key/of/some/words"] = 2
    seen = shell.terminal("ls", "-r", "d", columns=40) + shell.terminal(
        "versions", "d/a/long/key/of/some/words", columns=40
    )
    assert "a/long/key/of/some/words" in seen
    for version in store.versions("a/long/key/of/some/words"):
        assert version.id in seen
