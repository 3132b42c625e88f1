"""The architecture holds: floors, sorted names, short modules, a light import."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["autostore", "autostore_dagster", "example_project"]
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

# A module imports only from lower floors, or from its own where it is one family of files.
FLOORS = [
    ["errors"],
    ["keys", "config", "media", "optional", "parallel", "scratch", "signing", "equality", "folders", "locks", "marks"],
    ["claims", "backend", "handler", "schemes"],
    ["local", "memory", "s3", "handlers", "registry", "cache"],
    ["resolution"],
    ["loading", "publishing", "mapping"],
    ["autostore"],
    ["__init__", "testing"],
]
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def family(module: str) -> str:
    """`cache_entry` is of the family `cache`, `handlers.text` of `handlers`."""
    name = module.removeprefix("autostore.").split(".")[0]
    return next((known for known in FLOOR_OF if name == known or name.startswith(known + "_")), name)


def imported(file: Path, package: str) -> set[str]:
    """Names of the package's modules that a file imports, except for type checking only."""
    tree = ast.parse(file.read_text())
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == package:
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == package else [node.module]
            found.update(names)
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == package)
    return found


@pytest.mark.parametrize("file", sorted((ROOT / "autostore").rglob("*.py")), ids=lambda file: file.stem)
def test_modules_import_only_from_lower_floors(file):
    """No module of the store knows one above it."""
    own = family(".".join(file.relative_to(ROOT / "autostore").with_suffix("").parts))
    assert own in FLOOR_OF, f"{file.name} has no floor: give it one in tests/test_architecture.py"
    for module in imported(file, "autostore"):
        other = family(module)
        same_family = other == own
        assert same_family or FLOOR_OF[other] < FLOOR_OF[own] or (FLOOR_OF[own] < 4 and _level(other, own)), (
            f"{own} (floor {FLOOR_OF[own]}) imports {other} (floor {FLOOR_OF[other]})"
        )


def _level(other: str, own: str) -> bool:
    """Neighbours of one floor, in the order in which the floor lists them."""
    floor = FLOORS[FLOOR_OF[own]]
    return other in floor and floor.index(other) < floor.index(own)


def test_dagster_imports_public_names_only():
    """`autostore_dagster` knows `autostore` by its public names."""
    public = set(importlib.import_module("autostore").__all__)
    for file in (ROOT / "autostore_dagster").rglob("*.py"):
        for module in imported(file, "autostore"):
            assert module == "autostore" or module.removeprefix("autostore.") in public, f"{file.name}: {module}"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_are_short_and_say_what_they_own(file):
    """A module has a docstring, a sorted `__all__`, and at most 300 lines unless its docstring says why."""
    tree = ast.parse(file.read_text())
    docstring = ast.get_docstring(tree)
    assert docstring
    lines = len(file.read_text().splitlines())
    assert lines <= 300 or "long because" in docstring, lines
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            # Constants, then classes, then functions, as the formatter sorts them.
            assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_import_loads_no_optional_library():
    """`import autostore`, and even `AutoStore` itself, load none of the libraries that formats need."""
    code = """
import sys, autostore
from autostore import AutoStore
heavy = {"boto3", "botocore", "polars", "numpy", "torch", "PIL", "yaml", "scipy", "pydantic", "dagster", "pandas",
         "pyarrow", "platformdirs"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def _import_seconds(statement: str) -> float:
    code = f"import time; started = time.perf_counter(); {statement}; print(time.perf_counter() - started)"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
        for _ in range(7)
    ]
    return min(float(run.stdout) for run in runs)


def test_import_is_cheap():
    """`import autostore` costs at most 2.5 times five common modules of the standard library."""
    stdlib = _import_seconds("import json, pathlib, dataclasses, tempfile, logging")
    assert _import_seconds("import autostore") <= 2.5 * stdlib
