"""What a contestant is: a generator that sets itself up, yields its steps, and cleans up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Work = Callable[[], Any]


@dataclass(frozen=True)
class Step:
    """One thing to measure; `before` and `check` are not.

    `check` raises, or gives False, where what `run` returned is wrong.
    """

    run: Work
    before: Work | None = None
    check: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Contestant:
    """A row's competitor.

    Attributes:
        name: how the table calls it.
        function: a generator function of the row's module that yields `{step: Step}`.
        arguments: keyword arguments, as JSON.
        original: run it where `import autostore` gives the original library.
        limit_mb: megabytes of memory that the process may allocate; None: no limit.
    """

    name: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    original: bool = False
    limit_mb: int | None = None
