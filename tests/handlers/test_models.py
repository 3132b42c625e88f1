"""Pydantic models and dataclasses."""

import dataclasses
import datetime as dt
import json
import subprocess
import sys
import textwrap
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, Tuple  # noqa: UP035 - older than list[int], and not the same

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore.config import StorageConfig
from autostore.errors import CorruptDataError, UnknownTypeError, UnsupportedFormatError, UntrustedDataError
from autostore.handlers.models import DataclassHandler, PydanticHandler
from autostore.testing import HandlerContract, same
from tests.handlers import shapes
from tests.handlers.shapes import Point, Reading, Station

TRUSTING = StorageConfig()
CAREFUL = StorageConfig(allow_pickle=False)
SIGNING = StorageConfig(pickle_key="secret")
MODEL, DATACLASS = ".pydantic.json", ".dataclass.json"


def local_model() -> Any:
    class Local(pydantic.BaseModel):
        a: int

    return Local(a=1)


def local_dataclass() -> Any:
    @dataclasses.dataclass
    class Local:
        a: int

    return Local(1)


def with_private(count: int) -> shapes.WithPrivate:
    model = shapes.WithPrivate(a=1)
    model._count = count
    return model


def computed(length: int) -> shapes.Computed:
    value = shapes.Computed([1])
    value.length = length
    return value


def with_attribute() -> Point:
    point = Point(1.0)
    point.extra = 1  # type: ignore[attr-defined]
    return point


class TestPydanticHandler(HandlerContract):
    handler = PydanticHandler(TRUSTING)
    samples = (
        Reading(sensor="a", value=1.0),
        Reading(sensor="☃", value=-0.0, at=dt.datetime(2020, 1, 2, 3, 4, 5, 6, dt.UTC), tags={"x", "y"}),
        Station(name="s", readings=[Reading(sensor="b", value=2.5)], where=Point(1.0, 2.0), colour=shapes.Colour.BLUE),
        shapes.Strict(day=dt.date(2020, 1, 1), pair=(1, 2)),
        shapes.Aliased.model_validate({"Inner": 1, "in": 2}),
        shapes.Open.model_validate({"a": 1, "more": [1, {"x": None}]}),
        shapes.Shape(corner=shapes.Shape.Corner(x=1)),
        shapes.Shape.Corner(x=2),
        shapes.Numbers([1, 2]),
        shapes.Owner(pet=shapes.Dog()),
        shapes.WithPrivate(a=1),
        shapes.WithExcluded(a=1),
        shapes.Box[int](content=1),
        shapes.Box[shapes.Box[list[int] | None]](content=shapes.Box[list[int] | None](content=[1])),
        shapes.Box[List[int]](content=[1]),  # noqa: UP006 - another class than that of list[int]
        shapes.Box[Optional[Dict[str, Tuple[int, ...]]]](content={"a": (1,)}),  # noqa: UP006, UP045
        shapes.Box[Sequence[Mapping[str, int]]](content=[{"a": 1}]),
        shapes.Box[typing.Sequence[int]](content=[1]),
        shapes.Box[Literal["a", 'b"],[', 1, True, None]](content='b"],['),  # noqa: PYI061
    )
    refused = (
        shapes.WithSecret(password=pydantic.SecretStr("x")),
        with_private(3),
        shapes.WithExcluded(a=1, hidden=2),
        shapes.Shouting(text="a"),
        Station(name="s", readings=[shapes.Extended(sensor="a", value=1.0, extra_field=3)]),
        Station(name="s", blob=b"\xff\xfe"),
        Reading(sensor="\ud800", value=1.0),
        Reading.model_construct(sensor="a", value="not a float"),
        Reading(sensor="a", value=float("nan")),
        shapes.Open.model_validate({"a": 1, "more": (1, 2)}),
        local_model(),
        [Reading(sensor="a", value=1.0)],
        Point(1.0),
        {"a": 1},
    )


class TestDataclassHandler(HandlerContract):
    handler = DataclassHandler(TRUSTING)
    samples = (
        Point(1.5),
        Point(-0.0, 1e300),
        shapes.Segment(start=Point(1.0), ends=(Point(2.0), Point(3.0)), by_name={"é": Point(0.0)}),
        shapes.Labelled(1.0, 2.0, "l"),
        computed(0),
        shapes.Loose([1, None, {"a": "b"}]),
    )
    refused = (
        Point("text"),  # type: ignore[arg-type]
        Point(1),  # JSON would give 1.0
        Point(float("inf")),
        shapes.Segment(start=shapes.Labelled(1.0, 2.0, "lost")),
        shapes.Segment(start=Point(1.0), ends=[Point(2.0)]),  # type: ignore[arg-type]
        computed(5),
        shapes.Loose((1, 2)),
        shapes.Loose({1: 2}),
        shapes.Loose(Point(1.0)),
        shapes.WithArray(None),
        shapes.Doubling(1),
        with_attribute(),
        local_dataclass(),
        Point,
        Reading(sensor="a", value=1.0),
    )


def write(handler: Any, value: Any, file: Path) -> Any:
    handler.write_to_file(value, file, handler.extensions[0])
    return json.loads(file.read_bytes())


def lay(file: Path, content: Any) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_the_envelope_names_type_and_data(tmp_path: Path) -> None:
    """Any tool finds the fields under "data", by the names that the class gives them."""
    content = write(TestPydanticHandler.handler, shapes.Aliased.model_validate({"Inner": 1}), tmp_path / "f")
    named = {"$autostore": 1, "type": "tests.handlers.shapes:Aliased"}
    assert content == {**named, "data": {"inner": 1, "seen": 0}, "unset": ["/seen"]}
    content = write(TestDataclassHandler.handler, Point(1.0, 2.0), tmp_path / "g")
    assert content == {"$autostore": 1, "type": "tests.handlers.shapes:Point", "data": {"x": 1.0, "y": 2.0}}


def test_a_newer_version_says_upgrade(tmp_path: Path) -> None:
    """A file of a later autostore is never guessed at."""
    file = lay(tmp_path / "f", {"$autostore": 2, "type": "tests.handlers.shapes:Point", "data": {"x": 1}})
    with pytest.raises(CorruptDataError, match="Upgrade"):
        DataclassHandler(TRUSTING).read_from_file(file, DATACLASS)


@pytest.mark.parametrize(
    "content",
    [
        {"a": 1},
        [1],
        {"$autostore": "1", "type": "m:C", "data": {}},
        {"$autostore": True, "type": "m:C", "data": {}},
        {"$autostore": 0, "type": "m:C", "data": {}},
        {"$autostore": 1, "data": {}},
        {"$autostore": 1, "type": 5, "data": {}},
        {"$autostore": 1, "type": "tests.handlers.shapes:Reading"},
        {"$autostore": 1, "type": "nonsense", "data": {}},
        {"$autostore": 1, "type": "no.such.module:Reading", "data": {}},
        {"$autostore": 1, "type": ".relative:Reading", "data": {}},
        {"$autostore": 1, "type": "tests.handlers.shapes:Renamed", "data": {}},
        {"$autostore": 1, "type": "tests.handlers.shapes:Reading", "data": {"sensor": 5}},
    ],
)
def test_a_broken_envelope_is_an_error_with_a_remedy(tmp_path: Path, content: Any) -> None:
    """Whatever part is wrong, the message says what to do."""
    with pytest.raises((CorruptDataError, UnknownTypeError), match=r"as_type"):
        PydanticHandler(TRUSTING).read_from_file(lay(tmp_path / "f", content), MODEL)


@pytest.mark.parametrize("type_name", ["tests.handlers.shapes:NotAModel", "builtins:dict", "os:PathLike"])
@pytest.mark.parametrize("handler", [PydanticHandler(TRUSTING), DataclassHandler(TRUSTING)])
def test_what_is_no_model_is_never_made(tmp_path: Path, handler: Any, type_name: str) -> None:
    """A class of another family is not instantiated, also where code is allowed."""
    file, before = lay(tmp_path / "f", {"$autostore": 1, "type": type_name, "data": {}}), shapes.NotAModel.made
    with pytest.raises(UntrustedDataError, match="as_type"):
        handler.read_from_file(file, handler.extensions[0])
    assert shapes.NotAModel.made == before


@pytest.mark.parametrize("type_name", ["os:system", "subprocess:run", "json:JSONDecoder.decode"])
def test_functions_are_not_classes(tmp_path: Path, type_name: str) -> None:
    """A name that leads to a function leads nowhere."""
    file = lay(tmp_path / "f", {"$autostore": 1, "type": type_name, "data": {}})
    with pytest.raises(UntrustedDataError, match="no class"):
        PydanticHandler(TRUSTING).read_from_file(file, MODEL)


@pytest.mark.parametrize("config", [CAREFUL, SIGNING])
def test_no_module_is_imported_where_code_is_not_allowed(tmp_path: Path, config: StorageConfig) -> None:
    """A named module runs only with allow_pickle and without pickle_key; as_type reads the data all the same."""
    probe = tmp_path / "probe_module.py"
    probe.write_text(
        "import pathlib, pydantic\n"
        "pathlib.Path(__file__).with_suffix('.ran').touch()\n"
        "class Probe(pydantic.BaseModel):\n    sensor: str\n    value: float\n"
    )
    data = {"sensor": "a", "value": 1.0}
    file = lay(tmp_path / "f", {"$autostore": 1, "type": "probe_module:Probe", "data": data})
    code = textwrap.dedent(
        f"""
        import sys, pathlib; sys.path.insert(0, {str(tmp_path)!r})
        from autostore.config import StorageConfig
        from autostore.handlers.models import PydanticHandler
        print(type(PydanticHandler(StorageConfig()).read_from_file(pathlib.Path({str(file)!r}), ".pydantic.json")))
        """
    )
    with pytest.raises(UntrustedDataError, match="as_type"):
        _with_path(tmp_path, lambda: PydanticHandler(config).read_from_file(file, MODEL))
    assert not probe.with_suffix(".ran").exists()
    assert PydanticHandler(config).read_as(file, MODEL, dict) == data
    assert PydanticHandler(config).read_as(file, MODEL, Reading) == Reading(**data)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "probe_module.Probe" in run.stdout, run.stderr
    assert probe.with_suffix(".ran").exists()


def _with_path(folder: Path, call: Any) -> Any:
    sys.path.insert(0, str(folder))
    try:
        return call()
    finally:
        sys.path.remove(str(folder))


@pytest.mark.parametrize("config", [CAREFUL, SIGNING])
def test_a_class_that_is_imported_already_needs_no_trust(tmp_path: Path, config: StorageConfig) -> None:
    """The ordinary use works without pickles."""
    value = Reading(sensor="a", value=1.0)
    write(PydanticHandler(config), value, tmp_path / "f")
    assert same(PydanticHandler(config).read_from_file(tmp_path / "f", MODEL), value)


def test_a_lazy_module_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up without getattr, which could import or run something."""
    asked = []
    monkeypatch.setattr(shapes, "__getattr__", asked.append, raising=False)
    file = lay(tmp_path / "f", {"$autostore": 1, "type": "tests.handlers.shapes:Missing", "data": {}})
    with pytest.raises(UnknownTypeError):
        PydanticHandler(CAREFUL).read_from_file(file, MODEL)
    assert asked == []


def test_as_type_reads_into_another_class(tmp_path: Path) -> None:
    """The data is validated into whatever class is asked for, and refused where it does not fit."""
    file = tmp_path / "f"
    write(DataclassHandler(TRUSTING), Point(1.0, 2.0), file)
    handler = DataclassHandler(TRUSTING)
    assert same(handler.read_as(file, DATACLASS, dict), {"x": 1.0, "y": 2.0})
    assert same(handler.read_as(file, DATACLASS, shapes.Labelled), shapes.Labelled(1.0, 2.0, None))
    assert handler.read_as(file, DATACLASS, dict[str, float]) == {"x": 1.0, "y": 2.0}
    assert same(handler.read_as(file, DATACLASS, Any), Point(1.0, 2.0))
    for wrong in (Reading, str, Path):
        with pytest.raises(UnsupportedFormatError, match="as_type=dict"):
            handler.read_as(file, DATACLASS, wrong)


def test_a_file_without_an_envelope_reads_with_as_type(tmp_path: Path) -> None:
    """Fields that someone laid there by hand become a model when the reader says which."""
    file = lay(tmp_path / "f", {"sensor": "a", "value": 1})
    assert same(PydanticHandler(TRUSTING).read_as(file, MODEL, Reading), Reading(sensor="a", value=1.0))
    assert PydanticHandler(TRUSTING).read_as(file, MODEL, dict) == {"sensor": "a", "value": 1}


def test_messages_do_not_show_values(tmp_path: Path) -> None:
    """A value that does not fit may be a secret."""
    content = {"$autostore": 1, "type": "tests.handlers.shapes:Reading", "data": {"sensor": ["hunter2"], "value": 1}}
    with pytest.raises(CorruptDataError) as caught:
        PydanticHandler(TRUSTING).read_from_file(lay(tmp_path / "f", content), MODEL)
    assert "hunter2" not in str(caught.value)
    assert "sensor" in str(caught.value)


def test_a_class_of_the_main_program_is_kept(tmp_path: Path) -> None:
    """A script finds its own classes again; another program is told to pass as_type."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import pathlib, sys, pydantic
            from autostore.config import StorageConfig
            from autostore.handlers.models import PydanticHandler
            class Mine(pydantic.BaseModel):
                a: int
            handler, file = PydanticHandler(StorageConfig()), pathlib.Path(sys.argv[1])
            handler.write_to_file(Mine(a=1), file, ".pydantic.json")
            assert handler.read_from_file(file, ".pydantic.json") == Mine(a=1)
            """
        )
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, script, tmp_path / "f"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        env={"PYTHONPATH": str(root)},
    )
    assert run.returncode == 0, run.stderr
    with pytest.raises(UnknownTypeError, match=r"Mine is a class of the script .* another program.*as_type"):
        PydanticHandler(TRUSTING).read_from_file(tmp_path / "f", MODEL)


readings = st.builds(
    Reading,
    sensor=st.text(),
    value=st.floats(allow_nan=False, allow_infinity=False),
    at=st.none() | (st.datetimes() | st.datetimes(timezones=st.just(dt.UTC))).map(lambda at: at.replace(fold=0)),
    tags=st.sets(st.text(), max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(value=st.builds(Station, name=st.text(), readings=st.lists(readings, max_size=3)))
def test_models_come_back_exactly_or_are_refused(tmp_path: Path, value: Station) -> None:
    """Whatever the fields hold, the model is the same or was never written."""
    handler = PydanticHandler(TRUSTING)
    file = tmp_path / "f"
    handler.write_to_file(value, file, MODEL)
    assert same(handler.read_from_file(file, MODEL), value)
    assert json.loads(file.read_bytes())["data"]["name"] == value.name
