"""`as_type=` through any way to a row, and errors that name the right place and quote no value."""

import dataclasses
import decimal
import enum
import fractions
import traceback
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar

import pydantic
import pytest
from pydantic import AliasPath, BaseModel, ConfigDict, Field, RootModel, Secret, SecretStr
from typing_extensions import TypeAliasType, TypedDict

from autostore import UnsupportedFormatError
from autostore.testing import same
from tests.optional import np, pl

T = TypeVar("T")
Money = NewType("Money", Decimal)
Alias = TypeAliasType("Alias", Decimal)


class Price(BaseModel):
    name: str
    p: Decimal


@dataclasses.dataclass
class Record(Generic[T]):
    name: str
    p: T


class Keyed(TypedDict, Generic[T]):
    name: str
    p: T


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Decimal]
    name: str


class Plain(BaseModel):
    p: Decimal

    @pydantic.field_validator("p", mode="plain")
    @classmethod
    def _taken(cls, value: Any) -> Decimal:
        return Decimal(value)


class Infinite(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    f: float


@dataclasses.dataclass
class InfiniteRow:
    __pydantic_config__ = ConfigDict(ser_json_inf_nan="constants")
    f: float


class Colour(enum.Enum):
    RED = "r"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Zoo(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Login(BaseModel):
    token: SecretStr
    port: int


class Picky(BaseModel):
    token: str

    @pydantic.field_validator("token")
    @classmethod
    def _known(cls, value: str) -> str:
        raise ValueError(f"{value} is not known")


class Loose(BaseModel):
    a: int = 1
    b: str | None = None


class Fitting(BaseModel):
    a: int = 1
    b: str | None = None


def of(annotation: Any, **field: Any) -> Any:
    """A row with one field of this type."""
    return pydantic.create_model("Row", p=(annotation, Field(**field) if field else ...))


DIGITS = "12345678901234567.10"


@pytest.mark.parametrize(
    "as_type",
    [
        RootModel[list[Price]],
        list[Price] | None,
        Sequence[Price],
        Annotated[list[Price], pydantic.AfterValidator(lambda rows: rows)],
        TypeAliasType("Prices", list[Price]),
        list[NewType("One", Price)],
        list[Record[Decimal]],
        list[Keyed[Decimal]],
        list[Mapping[str, Decimal | str]],
        list[Extra],
        list[Plain],
        list[of(Money)],
        list[of(Alias)],
        list[of(RootModel[Decimal])],
        list[of(Secret[Decimal])],
        list[of(Decimal | int)],
        list[of(Decimal, validation_alias=AliasPath("p"))],
        list[of(fractions.Fraction)],
        list[of(SecretStr)],
        list[Record[str]],
    ],
)
@pytest.mark.parametrize("key", ["prices.csv", "prices.tsv"])
def test_digits_are_read_as_they_are_written(local_store, folder, key, as_type):
    """Whatever stands between the type and its field: the float of an inferred column has lost digits."""
    folder.mkdir(exist_ok=True)
    text = f"name,p\na,{DIGITS}\nb,1.10\n"
    (folder / key).write_text(text.replace(",", "\t") if key.endswith("tsv") else text)
    rows = local_store.read(key, as_type=as_type)
    first, second = getattr(rows, "root", rows)
    for row, digits in ((first, DIGITS), (second, "1.10")):
        found = row["p"] if isinstance(row, Mapping) else row.p
        found = getattr(found, "root", found)
        found = found.get_secret_value() if hasattr(found, "get_secret_value") else found
        exact = fractions.Fraction(digits) if isinstance(found, fractions.Fraction) else decimal.Decimal(digits)
        assert str(found) == str(exact)


def test_numbers_of_other_columns_stay_numbers(local_store, folder):
    """What asks for no text gets what was inferred, as ever."""
    folder.mkdir(exist_ok=True)
    (folder / "n.csv").write_text("p\n1\n2\n")
    for annotation, expected in ((str | int, 1), (Any, 1), (float, 1.0), (bool | int, 1)):
        found = local_store.read("n.csv", as_type=list[of(annotation)])[0].p
        assert (type(found), found) == (type(expected), expected)


def test_the_line_is_the_one_in_the_file(local_store, folder):
    """Empty lines hold no row, and are lines all the same."""
    folder.mkdir(exist_ok=True)
    (folder / "l.jsonl").write_text('\n{"p": "1"}\n\n \n{"p": "x"}\n')
    with pytest.raises(UnsupportedFormatError, match=r": line 5, field p: "):
        local_store.read("l.jsonl", as_type=list[of(Decimal)])


@pytest.mark.parametrize("extension", [".yaml", ".msgpack", ".cbor"])
def test_a_key_that_is_a_number_is_no_position(local_store, extension):
    """The error names the key 7, not the eighth item of a list that is none."""
    local_store["k" + extension] = {7: {"p": "x"}}
    with pytest.raises(UnsupportedFormatError, match=r": field 7\.p: "):
        local_store.read("k" + extension, as_type=dict[int, of(Decimal)])


@pytest.mark.parametrize("key", ["k.json", "k.jsonl", "k.yaml", "k.csv", "k.parquet", "k.typed.json"])
def test_an_iterable_is_validated_before_it_is_handed_out(local_store, key):
    """Pydantic looked at its items when they were asked for: its own error came then, with the values in it."""
    rows = [{"token": "hunter2", "port": 1}, {"token": "hunter2", "port": None}]
    local_store[key] = pl.DataFrame(rows) if key.endswith((".csv", ".parquet")) else rows
    with pytest.raises(UnsupportedFormatError, match="port") as caught:
        local_store.read(key, as_type=Iterable[Login])
    assert "hunter2" not in printed(caught.value)
    assert [row["port"] for row in local_store.read(key, as_type=Iterable[dict])] == [1, None]


def printed(error: BaseException) -> str:
    """What a log shows of it."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(line for line in lines if not line.startswith("    "))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("s.json", {"token": "hunter2"}),
        ("s.yaml", {"token": "hunter2"}),
        ("s.toml", {"token": "hunter2"}),
        ("s.ini", {"login": {"token": "hunter2"}}),
        ("s.msgpack", {"token": "hunter2"}),
        ("s.cbor", {"token": "hunter2"}),
        ("s.typed.json", {"token": "hunter2"}),
        ("s.jsonl", [{"token": "hunter2"}]),
        ("s.csv", pl.DataFrame({"token": ["hunter2"]})),
        ("s.parquet", pl.DataFrame({"token": ["hunter2"]})),
        ("s.bundle.zip", {"token": "hunter2", "x": np.ones(1)}),
    ],
)
def test_a_traceback_shows_no_value(local_store, key, value):
    """Of a field that is missing, pydantic's own words quote all that lies around it: the password too."""
    local_store[key] = value
    as_type = dict[str, Login] if key == "s.ini" else Login if isinstance(value, dict) else list[Login]
    with pytest.raises(UnsupportedFormatError, match="port") as caught:
        local_store.read(key, as_type=as_type)
    assert "hunter2" not in printed(caught.value)
    assert "Field required" in printed(caught.value)


@pytest.mark.parametrize(
    ("value", "as_type", "told"),
    [
        ({"pet": {"kind": "hunter2"}}, Zoo, "expected tags: 'cat', 'dog'"),
        ({"token": "hunter2"}, Picky, r"Value error, \.\.\. is not known"),
        ({"p": "hunter2"}, of(pydantic.ImportString), "Invalid python path"),
    ],
)
def test_a_message_quotes_no_value(local_store, value, as_type, told):
    """Also where the words of pydantic or of a validator do."""
    local_store["k.json"] = value
    with pytest.raises(UnsupportedFormatError, match=told) as caught:
        local_store.read("k.json", as_type=as_type)
    assert "hunter2" not in printed(caught.value)


def test_a_model_that_is_refused_is_not_quoted(local_store):
    """Its own serializer and validators quote what does not fit."""
    wrong = Loose.model_construct(a="hunter2")
    for key in ("k.pydantic.json", "k.typed.json"):
        with pytest.raises(UnsupportedFormatError, match=r"Loose|expected|fit") as caught:
            local_store[key] = wrong
        assert "hunter2" not in printed(caught.value)


def test_a_model_that_no_longer_fits_is_not_quoted(local_store, folder):
    """Neither in the message nor behind it."""
    local_store["k"] = Loose(a=5)
    file = folder / "k.pydantic.json"
    file.write_text(file.read_text().replace("5", '"hunter2"'))
    for as_type in (None, Loose):
        with pytest.raises(Exception, match="valid integer") as caught:
            local_store.read("k", as_type=as_type) if as_type else local_store["k"]
        assert "hunter2" not in printed(caught.value)


@pytest.mark.parametrize("value", [Infinite(f=float("inf")), Infinite(f=float("nan")), InfiniteRow(float("-inf"))])
def test_infinity_in_a_model_is_read_again(local_store, value):
    """Its class may write `Infinity` into its JSON, which no reader of JSON takes: it is stored in another way."""
    local_store["k"] = value
    assert local_store.get_metadata("k").path == "k.typed.json"
    assert same(local_store["k"], value)
    with pytest.raises(UnsupportedFormatError, match="has NaN, infinity"):
        local_store.write("named", value, format=".pydantic.json" if type(value) is Infinite else ".dataclass.json")


def test_a_model_of_thousands_of_digits_is_no_pickle(local_store):
    """Python reads no such number from text, and typed JSON has it in sixteens."""
    local_store["k"] = Loose(a=10**5000)
    assert local_store.get_metadata("k").path == "k.typed.json"
    assert local_store["k"] == Loose(a=10**5000)


def test_a_list_of_models_is_read_as_their_fields(local_store):
    """As one model is: as dicts, and as another class that fits; an enum stays what it is."""
    local_store["many"] = [Loose(a=1), Loose(b="x")]
    assert local_store.read("many", as_type=list[dict]) == [{"a": 1, "b": None}, {"a": 1, "b": "x"}]
    assert local_store.read("many", as_type=list[Fitting]) == [Fitting(a=1), Fitting(b="x")]
    local_store["enums"] = [Colour.RED, Loose()]
    assert local_store.read("enums", as_type=list[str | dict]) == ["r", {"a": 1, "b": None}]


@pytest.mark.parametrize("key", ["k", "k.json", "k.typed.json", "k.yaml"])
def test_any_model_at_all_is_no_type(local_store, key):
    """`BaseModel` itself was an AttributeError of pydantic's."""
    local_store[key] = Loose() if key == "k" else {"a": 1}
    with pytest.raises(UnsupportedFormatError, match="BaseModel is no type"):
        local_store.read(key, as_type=BaseModel)
