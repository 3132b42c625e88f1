"""What a described class keeps beside its fields and attributes: in slots of a base, or in a base written in C."""

import dataclasses
import functools
import random
from pathlib import Path
from typing import Any

import pydantic
import pytest

from autostore import AutoStore, StorageConfig, UnsupportedFormatError, UntrustedDataError
from autostore.testing import same


class Base:
    """Has room for more than the fields of whoever derives from it."""

    __slots__ = ("hidden",)


@dataclasses.dataclass
class WithSlot(Base):
    """A dataclass with a dict, and a slot that is no field."""

    x: int


@dataclasses.dataclass(slots=True)
class SlotsOnly(Base):
    """A dataclass without a dict, and a slot that is no field."""

    x: int


class Model(pydantic.BaseModel):
    """A model with a slot that is no field."""

    __slots__ = ("hidden",)
    x: int


@dataclasses.dataclass
class Failure(Exception):
    """An exception that is a dataclass, as error types often are: its arguments are no field."""

    x: int


@dataclasses.dataclass(eq=False)
class Dice(random.Random):
    """A random generator whose state is no field."""

    x: int = 0


def hiding(cls: Any, part: Any) -> Any:
    value = cls(x=1)
    object.__setattr__(value, "hidden", part)
    return value


def thrown(dice: Dice) -> Dice:
    dice.random()
    return dice


REFUSED = (UnsupportedFormatError, UntrustedDataError)
HIDING = [hiding(WithSlot, 1), hiding(SlotsOnly, [1]), hiding(Model, (1,)), Failure(1), thrown(Dice(1))]
OPEN = [WithSlot(1), SlotsOnly(1), Model(x=1)]


@pytest.mark.parametrize("value", HIDING, ids=lambda value: type(value).__name__)
def test_what_no_field_shows_is_not_lost(tmp_path: Path, value: Any) -> None:
    """No JSON takes an instance that holds more than its fields: once the rest was lost in silence."""
    store = AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    for key in ("k", "k.typed.json", "k.bundle.zip", "k.pydantic.json", "k.dataclass.json"):
        with pytest.raises(REFUSED):
            store[key] = value
        with pytest.raises(REFUSED):
            store["k"] = [(value,)]
    assert not list(store.keys())


@pytest.mark.filterwarnings("ignore::autostore.errors.PickledWarning")
def test_an_exception_keeps_its_arguments(tmp_path: Path) -> None:
    """A dataclass that is an exception comes back with the arguments that `str` shows."""
    store = AutoStore(tmp_path)
    store["k"] = Failure(7)
    assert (store["k"].x, store["k"].args, str(store["k"])) == (7, (7,), "7")


@pytest.mark.parametrize("value", OPEN, ids=lambda value: type(value).__name__)
def test_an_empty_slot_hides_nothing(tmp_path: Path, value: Any) -> None:
    """Where the slot holds nothing the value is plain JSON, as without it."""
    store = AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    store["k"], store["l"] = value, (value,)
    assert same(store["k"], value)
    assert same(store["l"], (value,))


@pytest.mark.parametrize("cls", [WithSlot, SlotsOnly, Model])
def test_same_sees_what_is_hidden(cls: Any) -> None:
    """`same` tells apart what differs in a hidden slot only, and in an exception's arguments."""
    assert same(hiding(cls, 1), hiding(cls, 1))
    assert not same(hiding(cls, 1), hiding(cls, 2))
    assert not same(hiding(cls, 1), cls(x=1))
    other = Failure(1)
    other.args = (2,)
    assert not same(Failure(1), other)


class Described(pydantic.BaseModel):
    """A model that computes a part of itself once."""

    x: int

    @functools.cached_property
    def squares(self) -> list[int]:
        """Computed at the first use."""
        return [n * n for n in range(self.x)]


@dataclasses.dataclass
class Computed:
    """A dataclass that does."""

    x: int

    @functools.cached_property
    def squares(self) -> list[int]:
        """Computed at the first use."""
        return [n * n for n in range(self.x)]


@pytest.mark.parametrize("cls", [Described, Computed])
def test_what_was_computed_once_is_computed_again(cls: Any, tmp_path: Path) -> None:
    """A `cached_property` that was used makes no pickle: it says nothing that the fields do not."""
    store = AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    value = cls(x=3)
    assert value.squares == [0, 1, 4]
    store["one"], store["many"] = value, [value]
    for back in (store["one"], store["many"][0]):
        assert same(back, value)
        assert "squares" not in vars(back)
        assert back.squares == [0, 1, 4]
    other = cls(x=3)
    vars(other)["y"] = 1
    assert not same(other, value)
