"""The architecture holds: floors, sorted names, short modules, a light import."""

import ast
import graphlib
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autostore
from tests.parsing import parsed

ROOT = Path(__file__).parents[1]
SOURCE = Path(autostore.__file__).parents[1]
"""Where the two packages that are published lie: in the checkout, or installed from a wheel."""
EXAMPLE = importlib.util.find_spec("example_project").submodule_search_locations[0]
PACKAGES = [SOURCE / "autostore", SOURCE / "autostore_dagster", Path(EXAMPLE)]
MODULES = {
    str(file.relative_to(package.parent)): file for package in PACKAGES for file in sorted(package.rglob("*.py"))
}

DESIGN = (ROOT / "docs" / "design.md").read_text()


def rooms() -> list[str]:
    """The rooms of the house from the ground up, as docs/design.md draws them."""
    block = re.search(r"^```rooms\n(.*?)^```", DESIGN, re.MULTILINE | re.DOTALL)
    assert block is not None
    return [line.split()[0].rstrip("/") for line in block[1].splitlines()]


def room_of(module: str) -> str:
    """`autostore.handlers.tables.csv` stands in `handlers`, `autostore.keys` is a room of its own."""
    return module.split(".")[1]


def module_of(file: Path) -> str:
    """`autostore.cache` for `autostore/cache/__init__.py`."""
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path, package: str) -> set[str]:
    """Names of the package's modules that a file imports, except for type checking only."""
    tree = parsed(file)
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
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == package)
    return found


HOUSE = {module_of(file): file for file in sorted((SOURCE / "autostore").rglob("*.py"))}
HOUSE.pop("autostore")  # hands public names on, by name


def arrows() -> dict[str, set[str]]:
    """Module -> the modules of the house that it imports."""
    found = {}
    for module, file in HOUSE.items():
        names = imported(file, "autostore")
        # `from autostore.cache import entry` names a module, `... import Copies` something in one.
        found[module] = {name if name in HOUSE else name.rpartition(".")[0] for name in names} - {
            "",
            "autostore",
            module,
        }
    return found


def test_every_room_is_drawn():
    """docs/design.md draws each folder and each module at the top, and nothing else."""
    assert sorted(rooms()) == sorted({room_of(module) for module in HOUSE})


def test_arrows_go_down():
    """No module imports from a room above its own."""
    floor = {room: number for number, room in enumerate(rooms())}
    up = [
        f"{module} -> {other}"
        for module, others in arrows().items()
        for other in others
        if floor[room_of(other)] > floor[room_of(module)]
    ]
    assert not up


def test_there_is_no_circle():
    """No module comes back to itself over what it imports."""
    graphlib.TopologicalSorter(arrows()).prepare()  # raises CycleError, which names the circle


def test_each_law_is_held():
    """docs/design.md states fifteen laws, each with a reason and, where it is built, tests that exist."""
    laws = re.findall(r"^\*\*(\d+)\. .*?(?=^\*\*\d|^## )", DESIGN, re.MULTILINE | re.DOTALL)
    texts = re.findall(r"^\*\*\d+\. .*?(?=^\*\*\d|^## )", DESIGN, re.MULTILINE | re.DOTALL)
    assert [int(number) for number in laws] == list(range(1, 16))
    for text in texts:
        assert "*Why*:" in text, text
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
        assert tests or "*Not built yet.*" in text, text
        for file, name in tests:
            assert f"def {name}(" in (ROOT / file).read_text() if name else (ROOT / file).exists(), (file, name)


def test_few_modules_stand_at_the_top():
    """The first look at the package shows a page, not a list."""
    assert len(list((SOURCE / "autostore").glob("*.py"))) <= 16


def test_dagster_imports_public_names_only():
    """`autostore_dagster` knows `autostore` by its public names, and what `autostore.plugins` exports."""
    public = {
        f"{module}.{name}"
        for module in ("autostore", "autostore.plugins")
        for name in importlib.import_module(module).__all__
    }
    for file in (SOURCE / "autostore_dagster").rglob("*.py"):
        for name in imported(file, "autostore"):
            assert name == "autostore" or name in public, f"{file.name}: {name}"


@pytest.mark.parametrize("file", MODULES.values(), ids=MODULES)
def test_modules_are_short_and_say_what_they_own(file):
    """A module has a docstring, a sorted `__all__`, and at most 250 lines unless its docstring says why."""
    tree = parsed(file)
    docstring = ast.get_docstring(tree)
    assert docstring
    lines = len(file.read_text().splitlines())
    assert lines <= 250 or "long because" in docstring, lines
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            # Constants, then classes, then functions, as the formatter sorts them.
            assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))


@pytest.mark.parametrize("file", MODULES.values(), ids=MODULES)
def test_functions_are_short(file):
    """A function has at most 25 lines beside its docstring."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(parsed(file)):
        if isinstance(node, functions):
            docstring = node.body[0] if ast.get_docstring(node) else None
            told = docstring.end_lineno - docstring.lineno + 1 if docstring is not None else 0
            assert node.end_lineno - node.lineno + 1 - told <= 25, f"{file.name}: {node.name}"


def test_import_loads_no_optional_library():
    """`import autostore`, and even `AutoStore` itself, load none of the libraries that formats need."""
    code = """
import sys, autostore
from autostore import AutoStore
heavy = {"boto3", "botocore", "polars", "numpy", "torch", "PIL", "yaml", "scipy", "pydantic", "dagster", "pandas",
         "pyarrow", "platformdirs", "sklearn", "skops", "jax", "onnx", "tokenizers", "matplotlib", "plotly", "altair"}
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
