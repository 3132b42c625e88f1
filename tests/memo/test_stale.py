"""No result of other code: each change here makes a function give something else, and so another key."""

import functools
import importlib.util
import itertools
import os
import subprocess
import sys
import typing

import pytest

from autostore import AutoStore, UnhashableInputError
from tests.optional import torch

NUMBERS = itertools.count()


def load(folder, text):
    """The module of this text, of the same name each time."""
    name, file = "stale_of_test", folder / f"{next(NUMBERS)}" / "stale_of_test.py"
    file.parent.mkdir()
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        pytest.skip(f"needs {error.name}")
    return module


CLASS = """
import pydantic, attrs, enum, dataclasses, typing
from typing import Annotated
"""
CHANGES = {
    "a method of an enum": (
        "import enum\nclass C(enum.Enum):\n    A = 1\n    def __str__(self): return 'one'\ndef f(x): return str(C.A)",
        "'one'", "'two'",
    ),
    "a private method of an enum": (
        ("import enum\nclass C(enum.Enum):\n    A = 1\n    def _w(self): return 1\n    def w(self): return self._w()\n"
        "def f(x): return C.A.w()"), "return 1", "return 2",
    ),
    "what an enum takes an unknown value for": (
        ("import enum\nclass C(enum.Enum):\n    A = 1\n    B = 2\n    @classmethod\n"
        "    def _missing_(cls, value): return cls.A\ndef f(x): return C(9).name"), "cls.A", "cls.B",
    ),
    "which fields of a dataclass are compared": (
        ("import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = dataclasses.field(compare=True)\n"
        "def f(x): return C(1) == C(2)"), "compare=True", "compare=False",
    ),
    "metadata of a field": (
        ("import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = dataclasses.field(metadata={'a': 1})\n"
        "def f(x): return dataclasses.fields(C)[0].metadata['a']"), "'a': 1", "'a': 2",
    ),
    "what a match takes": (
        ("class C:\n    __match_args__ = ('a', 'b')\n    def __init__(self): self.a, self.b = 1, 2\n"
        "def f(x):\n    match C():\n        case C(part): return part"), "('a', 'b')", "('b', 'a')",
    ),
    "a method of a nested model": (
        CLASS + "class I(pydantic.BaseModel):\n    v: int\n    def t(self): return self.v + 1\n"
        "class O(pydantic.BaseModel):\n    i: list[I]\n"
        "def f(x): return O.model_validate({'i': [{'v': 1}]}).i[0].t()", "v + 1", "v + 2",
    ),
    "a function in an annotation": (
        CLASS + "def check(v): return v + 1\nclass I(pydantic.BaseModel):\n"
        "    v: list[Annotated[int, pydantic.AfterValidator(check)]]\ndef f(x): return I(v=[1]).v", "v + 1", "v + 2",
    ),
    "a function in a name for an annotation": (
        CLASS + "def check(v): return v + 1\nI = Annotated[int, pydantic.AfterValidator(check)]\n"
        "def f(x): return pydantic.TypeAdapter(I).validate_python(1)", "v + 1", "v + 2",
    ),
    "when a validator runs": (
        CLASS + "class I(pydantic.BaseModel):\n    v: int\n    @pydantic.field_validator('v', mode='before')\n"
        "    @classmethod\n    def c(cls, v): return len(repr(v))\ndef f(x): return I(v='5').v", "before", "after",
    ),
    "which field a validator is of": (
        CLASS + "class I(pydantic.BaseModel):\n    v: int\n    w: int\n    @pydantic.field_validator('v')\n"
        "    @classmethod\n    def c(cls, v): return v + 1\ndef f(x): return I(v=1, w=1)", "r('v')", "r('w')",
    ),
    "when a serializer runs": (
        CLASS + "class I(pydantic.BaseModel):\n    v: int\n    @pydantic.field_serializer('v', when_used='json')\n"
        "    def c(self, v): return 9\ndef f(x): return I(v=5).model_dump()", "'json'", "'always'",
    ),
    "what a field of a model leaves out": (
        CLASS + "class I(pydantic.BaseModel):\n    v: int = pydantic.Field(1, exclude=False)\n"
        "def f(x): return I().model_dump()", "False", "True",
    ),
    "which fields of a class of attrs are compared": (
        CLASS + "@attrs.define\nclass C:\n    a: int = attrs.field(eq=True)\ndef f(x): return C(1) == C(2)",
        "eq=True", "eq=False",
    ),
    "what runs when a field of attrs is set": (
        CLASS + "def h(i, a, v): return v + 1\n@attrs.define\nclass C:\n    a: int = attrs.field(on_setattr=h)\n"
        "def f(x):\n    c = C(1)\n    c.a = 5\n    return c.a", "v + 1", "v + 2",
    ),
    "a property of one's own kind": (
        ("class P(property):\n    def __get__(self, one, kind=None): return 1\nclass C:\n    @P\n"
        "    def a(self): return 5\ndef f(x): return C().a"), "return 1", "return 2",
    ),
    "what wraps a function by wrapt": (
        ("import wrapt\n@wrapt.decorator\ndef d(w, i, a, k): return w(*a, **k) + 1\n@d\ndef g(x): return 1\n"
        "def f(x): return g(x)"), "+ 1", "+ 2",
    ),
    "a partial of one's own kind": (
        ("import functools\nclass P(functools.partial):\n    def __call__(self, *a): return 1\np = P(len)\n"
        "def f(x): return p()"), "return 1", "return 2",
    ),
    "a method with arguments": (
        ("import functools\nclass C:\n    def a(self, x): return x\n    b = functools.partialmethod(a, 1)\n"
        "def f(x): return C().b()"), "a, 1", "a, 2",
    ),
    "a function for a type": (
        ("import functools\n@functools.singledispatch\ndef g(x): return 0\n@g.register\ndef _(x: int): return 1\n"
        "def f(x): return g(x)"), "return 1", "return 2",
    ),
    "an accessor of Polars": (
        ("import polars as pl, warnings\nwarnings.simplefilter('ignore')\n"
        "@pl.api.register_dataframe_namespace('of_test')\nclass M:\n    def __init__(self, frame): pass\n"
        "    def t(self): return 1\ndef f(x): return pl.DataFrame().of_test.t()"), "return 1", "return 2",
    ),
    "an accessor of pandas": (
        ("import pandas as pd, warnings\nwarnings.simplefilter('ignore')\n"
        "@pd.api.extensions.register_dataframe_accessor('of_test')\nclass M:\n    def __init__(self, frame): pass\n"
        "    def t(self): return 1\ndef f(x): return pd.DataFrame().of_test.t()"), "return 1", "return 2",
    ),
    "what an abstract class takes for its own": (
        "import abc\nclass A(abc.ABC): pass\nA.register(int)\ndef f(x): return isinstance(x, A)", "(int)", "(str)",
    ),
    "what a type variable stands for": (
        ("import typing\nclass B:\n    v = 1\nT = typing.TypeVar('T', bound=B)\n"
        "def f(x): return T.__bound__.v"), "v = 1", "v = 2",
    ),
    "a dataclass that a function makes": (
        "import dataclasses\nC = dataclasses.make_dataclass('C', [('a', int, 1)])\ndef f(x): return C().a",
        ", 1)", ", 2)",
    ),
    "a function put into a library": (
        "import string\ndef t(x): return 1\nstring.of_test = t\ndef f(x): return string.of_test(x)",
        "return 1", "return 2",
    ),
}  # fmt: skip
HELD = "import {0}\nimport dataclasses\n@dataclasses.dataclass\nclass D:\n    v: int\n    def t(self): return 1\n"
ARGUMENTS = {
    "an array": (HELD.format("numpy as np") + "x = np.array([D(1)], dtype=object)\ndef f(x): return x[0].t()"),
    "a namespace": HELD.format("types") + "x = types.SimpleNamespace(a=D(1))\ndef f(x): return x.a.t()",
    "a chain": HELD.format("collections") + "x = collections.ChainMap({'a': D(1)})\ndef f(x): return x['a'].t()",
    "a column": "import pandas as pd, enum\nclass D(enum.Enum):\n    A = 1\n    def t(self): return 1\n"
    "x = pd.Series([D.A])\ndef f(x): return x[0].t()",
}


@pytest.fixture
def module(tmp_path):
    yield lambda text: load(tmp_path, text)
    sys.modules.pop("stale_of_test", None)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_code_makes_another_key(tmp_path, module, name):
    text, old, new = CHANGES[name]
    assert text.count(old) == 1
    one, other = module(text), None
    first = (repr(one.f(1)), AutoStore(tmp_path / "store").cache(one.f).key(1))
    other = module(text.replace(old, new))
    second = (repr(other.f(1)), AutoStore(tmp_path / "store").cache(other.f).key(1))
    assert first[0] != second[0]
    assert first[1] != second[1]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_code_of_what_a_library_s_container_holds_is_in_the_key(tmp_path, module, name):
    """A file says the class of an object by its name; a key says what the class does."""
    told = []
    for text in (ARGUMENTS[name], ARGUMENTS[name].replace("return 1", "return 2")):
        made = module(text)
        told.append((made.f(made.x), AutoStore(tmp_path / "store").cache(made.f).key(made.x)))
    assert told[0][0] == 1
    assert told[1][0] == 2
    assert told[0][1] != told[1][1]


def run(folder, *words):
    path = os.pathsep.join([os.path.dirname(os.path.dirname(os.path.dirname(__file__))), str(folder / "site-packages")])
    told = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=True,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return told.stdout.split()


def test_one_s_own_package_is_read_though_it_is_installed(tmp_path):
    """Of the same version, with other code: that of a helper, too; whoever says `cache`."""
    place = tmp_path / "site-packages" / "own_of_test"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("__version__ = '0.1'")
    (place / "maker.py").write_text(
        "from autostore import AutoStore\nfrom own_of_test.plain import late\n"
        "store = AutoStore('store')\n@store.cache\ndef f(x): return late(x)\n"
    )
    for number in "1", "2":
        (place / "plain.py").write_text(f"def late(x): return {number}\n")
        assert run(tmp_path, "-c", "from own_of_test.maker import f; print(f(1))") == [number]


def test_a_submodule_that_nobody_imported_yet_is_read(tmp_path):
    """`from package import module` inside a function: the module is told, as a whole, also before the first run."""
    place = tmp_path / "own_of_test"
    place.mkdir()
    (place / "__init__.py").touch()
    (place / "late.py").write_text("def f(x): return x\n")
    for number, line in enumerate(["from own_of_test import late", "from . import late"]):
        (place / f"made{number}.py").write_text(
            "from autostore import AutoStore, UnhashableInputError\nstore = AutoStore('store')\n"
            f"@store.cache\ndef f(x):\n    {line}\n    return late.f(x)\n"
            "try: print(f(1))\nexcept UnhashableInputError as error: print('import' in str(error))\n"
        )
        assert run(tmp_path, "-c", f"import own_of_test.made{number}") == ["True"]


def test_a_module_that_fails_is_left_to_the_function(tmp_path):
    """Which catches it: looking for what the function depends on raised it before the function could."""
    place = tmp_path / "own_of_test"
    place.mkdir()
    (place / "__init__.py").touch()
    (place / "broken.py").write_text("raise RuntimeError('no display')\n")
    for line in "from own_of_test import broken", "import own_of_test.broken", "from own_of_test.broken import f":
        (tmp_path / "script.py").write_text(
            "from autostore import AutoStore\nstore = AutoStore('store')\n@store.cache\ndef f(x):\n"
            f"    try:\n        {line}\n    except RuntimeError:\n        return x\nprint(f(1))\n"
        )
        assert run(tmp_path, "script.py") == ["1"]


def test_what_is_run_by_an_installed_tool_is_one_s_own(tmp_path):
    """Its functions are of `__main__`, whose file is the tool's; without the tool they have the same keys."""
    place = tmp_path / "site-packages"
    place.mkdir()
    (place / "tool_of_test.py").write_text(
        "import sys\nexec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'), {'__name__': '__main__'})\n"
    )
    for number in "1", "2":
        (tmp_path / "script.py").write_text(
            "from autostore import AutoStore\nstore = AutoStore('store')\n"
            f"@store.cache\ndef f(x): return {number}\nprint(f(1), f.key(1))\n"
        )
        told = run(tmp_path, "-m", "tool_of_test", "script.py")
        assert told[0] == number
        assert run(tmp_path, "script.py") == told


def test_spawned_processes_have_the_keys_of_their_parent(tmp_path):
    (tmp_path / "script.py").write_text(
        "import multiprocessing\nfrom autostore import AutoStore\nstore = AutoStore('store')\n"
        "@store.cache\ndef f(x): return x\ndef told(x): return f.key(x)\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: print(f.key(1), *pool.map(told, [1]))\n"
    )
    one, other = run(tmp_path, "script.py")
    assert one == other


def test_a_decorator_s_own_defaults_count(tmp_path):
    """What a wrapper does with what it is given its function's signature does not say; names are ignored as ever."""
    store = AutoStore(tmp_path)

    def by_ten(function):
        @functools.wraps(function)
        def around(*args, **kwargs):
            kwargs.setdefault("b", 10)
            return function(*args, **kwargs)

        return around

    def of_five(function):
        @functools.wraps(function)
        def around(a=5):
            return function(a)

        return around

    memo = store.cache(ignore="c")(by_ten(lambda a, b=2, c=0: b))
    assert (memo(1), memo(1, b=2)) == (10, 2)
    assert memo.key(1, c=3) == memo.key(1) == memo.key(1, c=4)
    other = store.cache(of_five(lambda a=1: a))
    assert (other(), other(1)) == (5, 1)


def test_what_is_bound_is_an_argument_also_with_a_version(tmp_path):
    class Own:
        def __init__(self, x):
            self.x = x

        def total(self, lock=None):
            return self.x

    store = AutoStore(tmp_path)
    assert [store.cache(version=1)(functools.partial(pow, base))(3) for base in (2, 3)] == [8, 27]
    assert [store.cache(version=1)(Own(x).total)() for x in (1, 2)] == [1, 2]
    ignoring = [store.cache(version=2, ignore="lock")(functools.partial(Own.total, Own(1), lock=x)) for x in (1, 2)]
    assert ignoring[0].key() == ignoring[1].key()


class Node:
    def __init__(self, after=None):
        self.after = after


def ring():
    one = Node()
    one.after = Node(one)
    return one


def test_what_holds_itself_has_a_key_of_its_own(tmp_path):
    """Of two nodes that know each other both are not one that knows itself; nor is a list in itself bytes."""
    memo = AutoStore(tmp_path).cache(lambda x: x)
    one, alone, itself = ring(), Node(), [1]
    alone.after = alone
    itself.append(itself)
    assert memo.key([one, one.after]) != memo.key([ring(), alone])
    assert memo.key([one, one.after]) != memo.key([one, one])
    other = ring()
    assert memo.key([one, one.after]) == memo.key([other, other.after])
    assert memo.key(itself) not in (memo.key([1, bytearray(b"gain0")]), memo.key([1, bytearray(b"gain1")]))


def test_what_was_set_beside_a_value_counts(tmp_path):
    memo = AutoStore(tmp_path).cache(lambda x: x)

    class Pair(typing.NamedTuple):
        a: int

    class Named(Pair):
        """Has attributes, too."""

    def noted(value, note):
        value.note = note
        return value

    assert memo.key(noted(Named(1), 1)) != memo.key(noted(Named(1), 2))
    keys = set()
    for note in (1, 2):
        try:
            keys.add(memo.key(noted(torch.ones(2), note)))
        except UnhashableInputError:
            keys.add(note)
    assert len(keys) == 2


def test_a_drawing_is_no_figure(tmp_path):
    """Two figures may look alike and hold other numbers."""
    figure = pytest.importorskip("matplotlib.figure").Figure()
    with pytest.raises(UnhashableInputError, match="Figure"):
        AutoStore(tmp_path).cache(lambda x: x).key(figure)


@pytest.mark.parametrize(
    "text",
    [
        "from polars import col as g", "from numpy.linalg import norm as g",
        "from sklearn.metrics import r2_score as g",
        "import polars as pl\ng = {'a': pl.Datetime('us'), 'b': pl.List(pl.Int64), 'c': pl.Int64()}",
        "from typing import NewType\ng = NewType('g', int)", "import operator\ng = operator.itemgetter(1, 2)",
        "import torch\n@torch.no_grad()\ndef g(): return 1", "import argparse\ng = argparse.Namespace(a=1)",
        "import pydantic\nclass g(pydantic.BaseModel, frozen=True):\n    a: int = pydantic.Field(1, gt=0)",
        "import attrs\n@attrs.define\nclass g:\n    a: int = attrs.field(validator=attrs.validators.instance_of(int))",
    ],
)  # fmt: skip
def test_everyday_names_are_no_obstacle(tmp_path, module, text):
    """And have the same key when they are made again."""
    keys = [AutoStore(tmp_path / "s").cache(module(text + "\ndef f(x): return g\n").f).key(1) for _ in range(2)]
    assert keys[0] == keys[1]
