"""Classes that the handler tests store; they live in a module, so that files can name them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections import OrderedDict
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pydantic

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    start: Point
    ends: tuple[Point, ...] = ()
    by_name: dict[str, Point] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Labelled(Point):
    label: str | None = None


@dataclasses.dataclass
class Computed:
    """Its length is set after init, so that JSON cannot give it back once it was changed."""

    items: list[int]
    length: int = dataclasses.field(init=False, default=0)


@dataclasses.dataclass
class Loose:
    anything: Any


@dataclasses.dataclass
class WithArray:
    array: WithArray.Array  # type: ignore[name-defined]  # no such name: no schema either


@dataclasses.dataclass
class Doubling:
    """Reading it back doubles again."""

    value: int

    def __post_init__(self) -> None:
        self.value *= 2


class Reading(pydantic.BaseModel):
    sensor: str
    value: float
    at: dt.datetime | None = None
    tags: set[str] = set()


class Station(pydantic.BaseModel):
    name: str
    readings: list[Reading] = []
    where: Point | None = None
    colour: Colour = Colour.RED
    price: decimal.Decimal = decimal.Decimal("1.10")
    span: dt.timedelta = dt.timedelta(seconds=1)
    ident: uuid.UUID = uuid.UUID(int=7)
    pair: tuple[int, str] = (1, "a")
    blob: bytes = b"ab"
    ordered: OrderedDict[str, int] = OrderedDict()


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, frozen=True, extra="forbid")

    day: dt.date
    pair: tuple[int, int]


class Aliased(pydantic.BaseModel):
    inner: int = pydantic.Field(alias="Inner")
    seen: int = pydantic.Field(0, validation_alias="in", serialization_alias="out")


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    a: int


class WithSecret(pydantic.BaseModel):
    password: pydantic.SecretStr


class WithPrivate(pydantic.BaseModel):
    a: int
    _count: int = pydantic.PrivateAttr(0)


class WithExcluded(pydantic.BaseModel):
    a: int
    hidden: int = pydantic.Field(0, exclude=True)


class Shouting(pydantic.BaseModel):
    text: str

    @pydantic.field_validator("text")
    @classmethod
    def shout(cls, value: str) -> str:
        return value + "!"


class Extended(Reading):
    extra_field: int = 0


class Shape(pydantic.BaseModel):
    class Corner(pydantic.BaseModel):
        """A nested class, found through the one around it."""

        x: int

    corner: Shape.Corner


class Box(pydantic.BaseModel, Generic[T]):
    content: T


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = "dog"


class Owner(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


@dataclasses.dataclass
class Wrapped(Generic[T]):
    x: T


class Pair(NamedTuple):
    first: Any
    second: Any = 2


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    BOTH = READ | WRITE


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Patch(pydantic.BaseModel):
    name: str | None = None
    email: str | None = None
    inner: Patch | None = None
    more: dict[int, Patch] = {}


class Event(pydantic.BaseModel):
    at: dt.datetime
    note: int = None  # type: ignore[assignment]  # a default need not be valid


class Unstored(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, extra="allow")

    anything: Any


class NotAModel:
    """What a hostile file may name; making one is the attack."""

    made = 0

    def __init__(self, **_: Any) -> None:
        type(self).made += 1
