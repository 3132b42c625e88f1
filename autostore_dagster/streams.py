"""`Partitions`: the values of many partitions, one after another, for runs that could not hold them all in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from autostore import UnsupportedFormatError
from autostore.plugins import in_order

__all__ = ["Partitions", "checked", "in_flight"]

Entry = TypeVar("Entry")
Result = TypeVar("Result")


class Partitions:
    """Pairs of partition key and value, one after another: what an asset returns, or an input so annotated gets.

    `return Partitions((day, fetch(day)) for day in context.partition_keys)`. A value is made when one before it was
    written, so that the manager's `concurrency`, at most 8, and one more are in memory, however many there are. What
    was written stays where a later one fails; the step then fails as a whole, and Dagster counts none of it.
    An input annotated `Partitions` is read alike, as it is iterated, once.
    """

    def __init__(self, values: Iterable[tuple[str, Any]]) -> None:
        self._values = values

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """The pairs, which may be made only once: `dict(asset(context))` in a unit test."""
        return iter(self._values)


def checked(values: Partitions, keys: Mapping[str, str], asset: str) -> Iterator[tuple[str, str, Any]]:
    """Store key, partition and value of each pair; refused are what is no pair, foreign and repeated keys, and a lack.

    `keys` are those of the run: partition -> store key.
    """
    left = dict(keys)
    for pair in values:
        partition, value = _pair(pair, asset)
        if partition not in left:
            known = "came twice" if partition in keys else "is not one of this run"
            raise UnsupportedFormatError(f"Partition {partition!r} of asset {asset} {known}. It was not written.")
        yield left.pop(partition), partition, value
    if left:
        raise UnsupportedFormatError(
            f"Partitions() of asset {asset} lacks {len(left)} of the {len(keys)} partitions of this run, such as "
            f"{list(left)[:10]}. Those that came were written; let it yield all of context.partition_keys."
        )


def in_flight(call: Callable[[Entry], Result], entries: Iterable[Entry], limit: int) -> Iterator[Result]:
    """What each call gives, in order; `limit` at a time, and no entry is asked for before there is room for it."""
    return in_order(call, entries, limit - 1)


def _pair(pair: Any, asset: str) -> tuple[str, Any]:
    try:
        partition, value = pair
    except (TypeError, ValueError):
        partition = value = None
    if not isinstance(partition, str):
        raise UnsupportedFormatError(
            f"Partitions() of asset {asset} yielded a {type(pair).__qualname__}, not a pair of partition key and value."
        )
    return partition, value
