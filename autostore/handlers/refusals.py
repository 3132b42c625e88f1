"""What is said where no handler takes a value or a `format=`, or several refuse it; and how an error is raised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from autostore.errors import StorageError, UnsupportedFormatError
from autostore.handlers.roster import Roster

__all__ = ["dotted", "holds_none", "listed", "raise_failure", "unfit"]

MOST_SHOWN = 50
"""Extensions that a message lists."""


def holds_none(data: Any, extension: str, roster: Roster) -> str:
    """No handler takes the value."""
    what = f"{type(data).__qualname__} objects"
    if not extension:
        return f"no registered format holds {what}. Choose another format"
    holds = "; ".join(handler.types for handler in roster.by_extension.get(extension, ()) if handler.types)
    problem = f"{extension} does not hold {what}" + (f", but {holds}" if holds else "")
    remedy = "choose another format, or leave it to the value: a new key without an extension"
    if type(data) is str or hasattr(type(data), "read"):  # a file's name, or an open one
        return f"{problem}. Pass a file as its pathlib.Path; else {remedy}"
    return f"{problem}. {remedy.capitalize()}"


def dotted(format: object) -> str:
    """The extension that `format=` names."""
    if not isinstance(format, str):
        raise UnsupportedFormatError(f"format={format!r:.100} is no name of a format. Pass one, such as 'csv'.")
    return format if format.startswith(".") else f".{format}"


def unfit(format: str, wanted: str, key: str, extension: str, roster: Roster) -> tuple[str, str]:
    """What is wrong with `format=` (`wanted` with its dot) of a key that ends in `extension`, and the remedy."""
    if extension and wanted in roster.by_extension:
        return f"format={format!r} contradicts {extension}", f"Leave out format=, or {extension} from the key."
    if wanted in roster.by_extension:
        remedy = f"Write it as {key + wanted!r}; an asset in Dagster has no such key."
        return f"format={format!r} is only chosen by the name of a key", remedy
    import difflib  # takes a millisecond, which no other call should

    near = [
        one for known in (roster.extensions, roster.by_extension) for one in difflib.get_close_matches(wanted, known)
    ]
    meant = f"Did you mean {near[0][1:]!r}? " if near else ""
    names = sorted(roster.extensions)
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return f"format={format!r} is not registered", f"{meant}Registered are {', '.join(names[:MOST_SHOWN])}{more}."


def listed(refusals: Iterable[Exception], *, is_bare: bool = False) -> str:
    """Why each refused, in one line, what several say only once; a bare key is no remedy where it was one."""
    problems: dict[str, dict[str, None]] = {}
    for refusal in refusals:
        problem, _, remedy = str(refusal).rstrip().removesuffix(".").rpartition(". ")
        problems.setdefault("" if is_bare and "bare key" in remedy else remedy, {})[problem] = None
    said = ("; ".join(filter(None, those)) for those in problems.values())
    return "; ".join(". ".join(filter(None, pair)) for pair in zip(said, problems, strict=True))


def raise_failure(failure: BaseException, error: Exception, refusals: Iterable[Exception] = ()) -> NoReturn:
    """Raise what an error means; the user's own as it is."""
    if not isinstance(failure, StorageError) or failure is error:
        raise failure
    reasons = listed(refusals)
    raise (type(failure)(f"{failure} (also tried: {reasons})") if reasons else failure) from error
