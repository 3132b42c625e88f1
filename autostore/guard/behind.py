"""What stands behind an exception: what caused it, and what caused that."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["all_behind"]


def all_behind(error: BaseException, handled: BaseException | None = None) -> Iterator[BaseException]:
    """The error and what stands behind it, each once: one that is raised a second time may stand behind itself.

    `handled` is what the caller is handling already: it stands behind every error here, and caused none.
    """
    seen: set[int] = set()
    behind: BaseException | None = error
    while behind is not None and behind is not handled and id(behind) not in seen:
        yield behind
        seen.add(id(behind))
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
