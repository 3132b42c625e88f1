"""Reading the past: an input as it was stored at a moment, or one version of it, where the store keeps history."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from autostore import AutoStore, InvalidConfigError
from autostore_dagster import contexts

__all__ = ["AS_OF_TAG", "NOW", "When", "of_input", "parse_moment"]

AS_OF_TAG = "autostore/as_of"
"""The tag of a run whose inputs are read as they were then."""


@dataclasses.dataclass(frozen=True)
class When:
    """Which value of a key is read: that of a version, of a moment, or the present one."""

    version: str | None = None
    at: datetime | None = None

    def __bool__(self) -> bool:
        return self.version is not None or self.at is not None

    def read(self, store: AutoStore, key: str, **how: Any) -> Any:
        """`store.read` of that value."""
        return store.read(key, version=self.version, at=self.at, **how) if self else store.read(key, **how)


NOW = When()


def of_input(context: dg.InputContext, metadata: Mapping[str, Any], as_of: str | None) -> When:
    """What this input reads: its own metadata goes before the run's tag, which goes before the manager's setting.

    What the run itself computes is always read as it is now.
    """
    version, moment = _text(metadata, "version"), _text(metadata, "as_of")
    if version is not None and moment is not None:
        raise InvalidConfigError('The input metadata "version" and "as_of" exclude each other. Give one of them.')
    if version is not None:
        return When(version=version)
    if moment is not None:
        return When(at=parse_moment(moment))
    if contexts.is_of_this_run(context):
        return NOW
    tagged = contexts.run_tags(context).get(AS_OF_TAG) or as_of
    return When(at=parse_moment(tagged)) if tagged else NOW


def parse_moment(text: str) -> datetime:
    """A moment as ISO 8601 has it, with its offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidConfigError(
            f'as_of={text!r:.80} is no moment. Give it as "2026-11-26T15:00:00+00:00", with the offset from UTC.'
        )
    return moment


def _text(metadata: Mapping[str, Any], name: str) -> str | None:
    found = metadata.get(name)
    value = found.value if isinstance(found, dg.MetadataValue) else found
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidConfigError(f'The input metadata "{name}" is {value!r:.80}. Pass a text.')
    return value
