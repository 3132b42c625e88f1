"""What is installed is ours: the index has another library whose package has the same name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autostore
import autostore_dagster

ROOT = Path(__file__).parents[1]
SHADOWS = {
    "overwritten": {
        "__init__.py": '__version__ = "0.1.18"\n\nfrom autostore.autostore import AutoStore\n',
        "autostore.py": "class AutoStore: ...\n",
    },
    "published": {  # as 0.1.18 has them: its `cache` is a module, which our folder of that name hides
        "__init__.py": '__version__ = "0.1.18"\n\nfrom autostore.autostore import AutoStore, AutoPath\n',
        "autostore.py": "from autostore.cache import CacheService\n\nclass AutoStore: ...\n",
        "cache.py": "class CacheService: ...\n",
    },
    "left": {"leftover.py": ""},
}


@pytest.fixture(params=SHADOWS)
def mixed(request, tmp_path):
    """Our packages, into which the other library was installed, or from which its removal took files that both had."""
    for package in (autostore, autostore_dagster):
        home = Path(package.__file__).parent
        shutil.copytree(home, tmp_path / home.name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "autostore" / "__init__.py").unlink()
    for name, text in SHADOWS[request.param].items():
        (tmp_path / "autostore" / name).write_text(text)
    return tmp_path


def run(folder, code):
    # Of a package without __init__.py Python goes on to look for a whole one: ours, which the tests run with.
    installed = str(Path(autostore.__file__).parents[1])
    code = f"import sys; sys.path[:] = [path for path in sys.path if path != {installed!r}]; {code}"
    env = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env, cwd=folder, check=False
    )


@pytest.mark.parametrize(
    "code", ["import autostore_dagster", "from autostore.cli.main import run; run()"], ids=["dagster", "cli"]
)
def test_another_library_of_this_name_is_told(mixed, code):
    """Where the other distribution lies over ours, or was removed after ours, the error says so and what to run."""
    done = run(mixed, code)
    assert done.returncode != 0
    assert "the distribution `autostore` is another library" in done.stderr
    assert "pip install --force-reinstall --no-deps dagster-autostore" in done.stderr


@pytest.mark.parametrize("mixed", ["published"], indirect=True)
def test_another_library_of_this_name_is_told_by_the_first_import(mixed):
    """Also without Dagster and the command."""
    done = run(mixed, "from autostore import AutoStore")
    assert done.returncode != 0
    assert "the distribution `autostore` is another library" in done.stderr
    assert "pip install --force-reinstall --no-deps dagster-autostore" in done.stderr


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a checkout of git")
def test_everything_that_is_kept_is_a_file():
    """No link is, which would lead to a place of one machine alone."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--stage", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert [line for line in listed.split("\0") if line and not line.startswith("100")] == []
