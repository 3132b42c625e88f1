"""`as_type=`: what plain files hold, read into the caller's own types, or refused with what does not fit."""

import dataclasses
import datetime as dt
import enum
from typing import Annotated, Literal, NamedTuple

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from autostore import UnsupportedFormatError
from tests.optional import pl


class Level(enum.Enum):
    LOW = "low"


class Settings(BaseModel):
    name: str
    rate: float = 0.5
    when: dt.date | None = None
    level: Level = Level.LOW
    token: pydantic.SecretStr | None = Field(default=None, alias="apiToken")


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    when: dt.date
    at: tuple[int, int]


@dataclasses.dataclass
class Row:
    n: int
    s: str | None = None


class Pair(NamedTuple):
    a: int
    b: str


class Options(TypedDict):
    n: int


ROWS = [{"n": 1, "s": "x"}, {"n": 2, "s": None}]
PLAIN = {"name": "a", "rate": 2, "when": "2024-01-01", "level": "low", "apiToken": "secret"}


@pytest.mark.parametrize("key", ["config.json", "config.yaml", "config"])
def test_a_configuration_is_read_into_its_model(local_store, key):
    """From JSON and YAML, fields by their alias or name, converted as Pydantic does."""
    local_store[key] = PLAIN
    settings = local_store.read(key, as_type=Settings)
    assert type(settings) is Settings
    assert (settings.rate, settings.when, settings.level) == (2.0, dt.date(2024, 1, 1), Level.LOW)
    assert settings.token.get_secret_value() == "secret"
    assert local_store.get(key, as_type=Settings) == settings


def test_strict_types_take_json_as_json_spells_them(local_store):
    """A strict model reads its dates and tuples from JSON."""
    local_store["s.json"] = {"when": "2024-01-01", "at": [1, 2]}
    assert local_store.read("s.json", as_type=Strict) == Strict(when=dt.date(2024, 1, 1), at=(1, 2))


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.json", "rows.yaml", "rows.csv", "rows.parquet", "rows.typed.json"])
@pytest.mark.parametrize("as_type", [list[Row], tuple[Row, ...], list[Options]])
def test_rows_are_read_into_a_list(local_store, key, as_type):
    """From lines, lists and tables alike."""
    local_store[key] = pl.DataFrame(ROWS) if key.endswith((".csv", ".parquet")) else ROWS
    rows = local_store.read(key, as_type=as_type)
    assert len(rows) == 2
    if as_type == list[Options]:
        assert rows[0]["n"] == 1
    else:
        assert list(rows) == [Row(1, "x"), Row(2)]


@pytest.mark.parametrize(
    ("value", "as_type", "expected"),
    [
        ({"a": {"name": "x"}}, dict[str, Settings], {"a": Settings(name="x")}),
        ([1, "x"], Pair, Pair(1, "x")),
        ({"n": 1}, Row | int, Row(1)),
        ([3, 1, 3], set[int], {1, 3}),
        (5, Annotated[int, Field(gt=1)], 5),
        ("2024-01-01", dt.date, dt.date(2024, 1, 1)),
        ("low", Level, Level.LOW),
        ("b", Literal["a", "b"], "b"),
        (None, Row | None, None),
    ],
)
@pytest.mark.parametrize("extension", [".json", ".yaml", ".typed.json"])
def test_any_type_that_pydantic_knows(local_store, value, as_type, expected, extension):
    """Containers, unions, constraints, enums and the standard library's values."""
    local_store["k" + extension] = value
    found = local_store.read("k" + extension, as_type=as_type)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.json", "rows.yaml", "rows.csv", "rows.parquet"])
def test_what_does_not_fit_is_named(local_store, key):
    """The message names key, row, field and the type that was found, never the value."""
    rows = [{"n": "1", "s": "x"}, {"n": "password", "s": "y"}]
    local_store[key] = pl.DataFrame(rows) if key.endswith((".csv", ".parquet")) else rows
    with pytest.raises(UnsupportedFormatError) as caught:
        local_store.read(key, as_type=list[Row])
    message = str(caught.value)
    assert "password" not in message
    for part in (repr(key), " 2, field n: ", "integer", "it is a str", "without as_type"):
        assert part in message, message
    assert ("line 2" in message) == key.endswith(".jsonl")
    assert len(local_store[key]) == 2


def test_secrets_are_not_told(local_store):
    """Neither a missing field nor a wrong one shows what else the file holds."""
    local_store["c.json"] = {"rate": "hunter2", "apiToken": ["hunter2"]}
    with pytest.raises(
        UnsupportedFormatError, match=r"field name: Field required; field rate: .*field apiToken"
    ) as caught:
        local_store.read("c.json", as_type=Settings)
    assert "hunter2" not in str(caught.value)


def test_what_is_no_type_of_data_is_refused(local_store):
    """A class that Pydantic cannot validate is named, with the remedy."""

    class Stranger:
        pass

    local_store.update({"c.json": {"a": 1}, "t": pl.DataFrame(ROWS)})
    for key in ("c.json", "t"):
        with pytest.raises(UnsupportedFormatError, match="Stranger is no type"):
            local_store.read(key, as_type=Stranger)


def test_an_error_of_the_types_own_code_passes(local_store):
    """A validator that fails by its own fault is not the file's."""

    class Faulty(BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def _check(cls, value: int) -> int:
            raise RuntimeError("no such table")

    local_store["c.json"] = {"n": 1}
    with pytest.raises(RuntimeError, match="no such table"):
        local_store.read("c.json", as_type=Faulty)
