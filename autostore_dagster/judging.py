"""What is wrong with stored values: pure answers to the questions that `build_stored_checks` asks."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from autostore import InvalidConfigError
from autostore_dagster.inspecting import Found, same_type

__all__ = ["UNTOLD", "Schemas", "Values", "Wanted", "described", "problems"]

Values = Mapping[str, Found]
"""Partition key (empty for an asset without partitions) -> what lies there."""

Schemas = list[dict[str, str]]

UNTOLD = (
    "the last materializations do not tell their columns, as previews of this asset are off or failed, or another "
    "program materialized it: nothing is known of what changed"
)

SHOWN = 300
"""Columns that an event shows at most."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What `build_stored_checks` was asked for."""

    readable: bool
    min_rows: int | None
    max_rows: int | None
    fresh_within: timedelta | None
    schema_unchanged: bool

    def __post_init__(self) -> None:
        for name, rows in (("min_rows", self.min_rows), ("max_rows", self.max_rows)):
            if rows is not None and (type(rows) is not int or rows < 0):
                raise InvalidConfigError(f"{name}={rows!r:.40} is no number of rows. Pass an int from 0 up, or None.")
        if self.max_rows is not None and self.max_rows < (self.min_rows or 0):
            raise InvalidConfigError(f"max_rows={self.max_rows} is less than min_rows={self.min_rows}. Swap them.")
        if self.fresh_within is not None and not isinstance(self.fresh_within, timedelta):
            raise InvalidConfigError(f"fresh_within={self.fresh_within!r:.40} is no timedelta. Pass timedelta(days=1).")

    def names(self) -> list[str]:
        """The checks that an asset gets."""
        rows = self.min_rows is not None or self.max_rows is not None
        asked = {"readable": self.readable, "row_count": rows, "fresh": self.fresh_within is not None}
        return ["stored", *(name for name, on in asked.items() if on), *["schema_unchanged"] * self.schema_unchanged]

    def deep(self, names: Iterable[str]) -> bool:
        """Whether any of these checks has to read the values."""
        return bool({"readable", "row_count", "schema_unchanged"} & set(names))


def problems(name: str, values: Values, wanted: Wanted, before: Schemas | None) -> list[str]:
    """What this check finds wrong; `before` are the columns that the last materializations showed, if there was one."""
    match name:
        case "stored":
            return _not_stored(values)
        case "readable":
            return _not_readable(values)
        case "row_count":
            return _not_as_long(values, wanted.min_rows or 0, wanted.max_rows)
        case "fresh":
            return _not_fresh(values, timedelta.max if wanted.fresh_within is None else wanted.fresh_within)
    if before == [] and any(found.schema is not None for found in values.values()):
        return [UNTOLD]
    return _not_as_before(values, before or [])


def _not_stored(values: Values) -> list[str]:
    if not values:
        return ["no partition was materialized"]
    return [_at(key, "nothing is stored") for key, found in values.items() if found.file is None]


def _not_readable(values: Values) -> list[str]:
    bad = [_at(key, found.problem) for key, found in values.items() if found.problem]
    return _not_stored(values) + bad


def _not_as_long(values: Values, least: int, most: int | None) -> list[str]:
    problems = [] if values else ["no partition was materialized"]
    for key, found in values.items():
        if found.rows is None:
            problems.append(_at(key, "there are no rows to count"))
        elif found.rows < least or (most is not None and found.rows > most):
            problems.append(_at(key, f"{found.rows} rows, not {least} to {'any number' if most is None else most}"))
    return problems


def _not_fresh(values: Values, limit: timedelta) -> list[str]:
    times = [found.file.modified_time for found in values.values() if found.file]
    if not times:
        return ["nothing is stored"]
    age = datetime.now(UTC) - max(times)
    return [f"the youngest file is of {max(times):%Y-%m-%d %H:%M} UTC, more than {limit} ago"] if age > limit else []


def _not_as_before(values: Values, before: Schemas) -> list[str]:
    problems = [
        _at(partition, change)
        for schema in before
        for partition, found in values.items()
        if found.schema is not None
        for change in _changed(schema, found.schema)
    ]
    return list(dict.fromkeys(problems))


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    if len(before) >= SHOWN:
        now = {name: kind for name, kind in now.items() if name in before}
    gone = [f"column {name!r} is gone" for name in before if name not in now]
    new = [f"column {name!r} is new" for name in now if name not in before]
    other = [
        f"column {name!r} was {before[name]} and is {now[name]}"
        for name in before
        if name in now and not same_type(before[name], now[name])
    ]
    return gone + new + other


def _at(partition: str, problem: str) -> str:
    return f"{partition}: {problem}" if partition else problem


def described(found: list[str], count: int) -> str:
    """What the UI says of a check."""
    if not found:
        return f"{count} value(s) are as they should be."
    more = f"; and {len(found) - 10} more" if len(found) > 10 else ""
    return "; ".join(found[:10]) + more
