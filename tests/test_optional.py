"""What this machine lacks skips by its name; what it has is never skipped, and no test file hides what could run."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.optional import MODULES, OTHERS, Missing, installed, missing_behind, said_to_be_missing
from tests.parsing import parsed

TESTS = Path(__file__).parent
KNOWN = OTHERS | {names[0].partition(".")[0] for names in MODULES.values()}
ALL_ABOUT = ("dagster", "example", "notebook", "older", "formats/package", "plugins")
"""Folders that make no sense without a library, or hold what a user would write."""

PROGRAMS = ("cli/child.py", "reliability/diet.py", "scans/streamed.py", "handlers/exact.py", "handlers/from_a_gpu")
"""Processes of their own, which are measured, or of which a test says what they need."""


def test_files_take_what_may_be_missing_from_here():
    """No other file of the tests imports such a library at its top, where it would hide all that it holds."""
    # Mutation that this was seen to catch: `import numpy as np` in tests/store/test_api.py.
    found = []
    for file in sorted(TESTS.rglob("*.py")):
        name = file.relative_to(TESTS).as_posix()
        if name.startswith((*ALL_ABOUT, *PROGRAMS)) or name == "optional.py":
            continue
        guarded = False
        for node in parsed(file).body:
            guarded = guarded or "pytest.importorskip(" in ast.unparse(node).partition("\n")[0]
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            found += [f"{name}: {one}" for one in names if one.partition(".")[0] in KNOWN and not guarded]
    assert not found


@pytest.mark.parametrize("name", ["attrs", "dateutil", "msgpack", "np", "pl", "pytz", "ruamel", "yaml"])
def test_what_is_here_is_the_module_itself(name):
    """A library that is installed is no stand-in, so that no test of it skips; of some that are imported soon."""
    import tests.optional

    value, library = getattr(tests.optional, name), MODULES[name][0].partition(".")[0]
    assert isinstance(value, Missing) != installed(library)
    assert isinstance(value, Missing) or value.__name__ == MODULES[name][0]


INNER = """
import pytest
from tests.optional import Missing, optional
nothing = Missing("tomli_w_not_there")

def test_lies():
    pytest.skip("pytest is not installed")

def test_of_what_is_missing():
    assert nothing.of(1) + 2

@pytest.mark.parametrize("value", [nothing.a, [nothing.b()], 1])
def test_parameter(value):
    assert value == 1

def test_fails():
    raise ModuleNotFoundError("No module named 'pytest'")
"""


def test_no_skip_hides_what_is_here(tmp_path):
    """A skip that names an installed library is a failure, so is an error that says an installed one is missing."""
    (tmp_path / "test_inner.py").write_text(INNER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-q", str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False, cwd=TESTS.parent,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
    )  # fmt: skip
    assert "2 failed, 1 passed, 3 skipped" in done.stdout, done.stdout
    assert "but pytest is installed" in done.stdout


def test_what_an_error_says_is_missing():
    """Only libraries that may be missing and are count: a typo stays an error."""
    assert missing_behind(ModuleNotFoundError("No module named 'numpyy'")) is None
    assert missing_behind(ValueError("no library")) is None
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert missing_behind(first) is None  # a circle has an end
    assert said_to_be_missing("ModuleNotFoundError: No module named 'pytest'") is None
    lacking = next((library for library in sorted(KNOWN) if not installed(library)), None)
    if lacking:
        assert missing_behind(ModuleNotFoundError(f"No module named '{lacking}.part'")) == lacking
