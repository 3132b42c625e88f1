"""What scripts trust: exit codes, one sentence on stderr, JSON on stdout, nothing half done, no traceback."""

import json
import os
import subprocess
import sys

import pytest

from autostore import AutoStore, StorageConfig
from autostore.cli.boundary import exit_code
from autostore.errors import StorageError
from tests.cli.conftest import COMMAND, ROOT


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
    with shell.start("cat", "d/long", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.read(10)
        run.stdout.close()
        err = run.stderr.read()
        run.wait(timeout=60)
    assert (run.returncode, err) == (141, b"")


@pytest.mark.parametrize("words", [["ls"], ["ls", "-r"], ["info", "k"], ["du"], ["verify", "-a"], ["formats"]])
def test_json_is_json(tmp_path, shell, words):
    """Each line of --json is a JSON object, and nothing else stands on stdout."""
    store = AutoStore(shell.folder / "d")
    store["k"] = [1]
    for line in shell(*words, "--json", "-s", "d").lines:
        assert isinstance(json.loads(line), dict)


def test_without_its_libraries_the_command_says_what_to_install(tmp_path):
    """Somebody who installed the core alone is told the extra."""
    code = "import sys; sys.modules['typer'] = None; from autostore.cli.main import run; run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 2
    assert "pip install 'dagster-autostore[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_is_installed_under_its_name():
    """pyproject.toml names a function that is there, and `python -m autostore.cli` is the same."""
    import importlib
    import tomllib

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["autostore"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.startswith("autostore ")


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
