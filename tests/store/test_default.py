"""A store that nobody named, and what a person sees of the class."""

import os
import pydoc
import subprocess
import sys

import pytest

from autostore import AutoStore, InvalidKeyError


def test_a_store_that_nobody_named(tmp_path, monkeypatch):
    """`AUTOSTORE_URI` says where it is; else it is in the user's data folder, and a warning says which."""
    monkeypatch.setenv("AUTOSTORE_URI", str(tmp_path / "named"))
    assert AutoStore().uri == f"file://{tmp_path}/named"
    for unset in (lambda: monkeypatch.setenv("AUTOSTORE_URI", ""), lambda: monkeypatch.delenv("AUTOSTORE_URI")):
        unset()
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.warns(UserWarning, match="keeps its objects in .*autostore.*AUTOSTORE_URI") as told:
            store = AutoStore()
        assert told[0].filename == __file__
        store["a"] = 1
        assert list(tmp_path.rglob("a.json"))


@pytest.mark.parametrize("lost", [None, ""])
def test_a_uri_that_was_lost_is_no_default(lost):
    """What a variable did not hold is an error, and no other store."""
    with pytest.raises(InvalidKeyError, match="not a URI"):
        AutoStore(lost)


def test_help_begins_with_what_a_store_does():
    """Each public name stands in the first screen of `help(store)`, and completion shows nothing else."""
    store = AutoStore("memory://help")
    text = pydoc.plain(pydoc.render_doc(store))
    first = "\n".join(text.splitlines()[:45])
    twins = {name for name in dir(store) if name[0] == "a" and hasattr(store, name[1:])} | {"adelete"}
    seldom = {
        "config",
        "uri",
        "cleanup",
        "begins_here",
        "keeps_versions",
        "get_supported_backends",
        "register_backend",
        "unregister_backend",
    }
    for name in {name for name in dir(store) if not name.startswith("_")} - twins - seldom:
        assert name.removeprefix("unregister_").removeprefix("register_") in first, name
    assert all(not name.startswith("_") or name.startswith("__") for name in dir(store))
    assert "object at 0x" not in text
    assert "Helper for pickle" not in text


HOMELESS = """
import os, pwd, sys
del os.environ["HOME"]
def nobody(number):
    raise KeyError(number)
pwd.getpwuid = nobody
from autostore import AutoStore, InvalidConfigError
try:
    AutoStore()
except InvalidConfigError as error:
    print(error)
"""


def test_a_process_without_a_home_says_so(tmp_path):
    """As in a container, where the user's number has no name."""
    # Mutation that this was seen to catch: default_uri lets platformdirs raise.
    without = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "AUTOSTORE_"))}
    without["HOME"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", HOMELESS], env=without, capture_output=True, text=True, check=True)
    assert done.stdout == "This process has no home. Pass a URI, or set AUTOSTORE_URI.\n"


def test_the_command_needs_no_home(tmp_path):
    """It has no settings then."""
    # Mutation that this was seen to catch: Settings.load lets settings_file raise.
    pytest.importorskip("typer", reason="needs the extra `cli`")
    AutoStore(tmp_path)["k"] = 1
    without = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "AUTOSTORE_"))}
    without["HOME"] = str(tmp_path)
    code = f"{HOMELESS}\nsys.argv = ['autostore', 'ls', {str(tmp_path)!r}]\nfrom autostore.cli.main import run\nrun()"
    done = subprocess.run([sys.executable, "-c", code], env=without, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("k")
