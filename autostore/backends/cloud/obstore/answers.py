"""What obstore's errors mean: typed errors, an answer that was asked for, or that boto3 is asked instead.

obstore puts all into one text (method, address, body); it is read here, and never shown.
"""

from __future__ import annotations

import html
import re
from enum import Enum, auto

from autostore.backend import not_found
from autostore.backends.cloud.obstore.settings import NOWHERE
from autostore.backends.cloud.refusals import failed, unreached
from autostore.errors import StorageConnectionError, StorageError, compose

__all__ = ["Answer", "meaning"]

_STATUS = re.compile(r" - Server returned non-2xx status code: (\d{3})\b(.*)", re.DOTALL)
_CODE = re.compile(r"<Error\b.*?<Code>(\w{1,100})</Code>", re.DOTALL)
_KEY = re.compile(r"<Key>([^<]*)</Key>")
_REDIRECTED = f" {NOWHERE.removeprefix('http://')},"
_NOT_SENT = re.compile(r"^ +kind: (Connect|Timeout),$", re.MULTILINE)


class Answer(Enum):
    """What is no error, or not yet one."""

    SAME = auto()
    """Its ETag is still the one that was named."""
    CHANGED = auto()
    """A condition did not hold."""
    EMPTY = auto()
    """There is no such byte: an empty object refuses every range."""
    UNCLEAR = auto()
    """Perhaps it was done, perhaps not, or the text does not say why not: boto3 finds out."""


def meaning(error: BaseException, key: str, path: str, uri: str, *, repeatable: bool) -> Answer | StorageError:
    """What a failure means; `repeatable`: doing it twice is the same as once."""
    name = type(error).__name__
    if name == "NotModifiedError":
        return Answer.SAME
    if name in ("PreconditionError", "AlreadyExistsError"):
        return Answer.CHANGED
    # A key may hold any words.
    text = str(error).replace(f"location {key} ", "", 1).replace(f"path {key}:", "", 1)
    told, _, debug = text.partition("\n\nDebug source:")
    answered = _STATUS.search(told)
    if answered is None:
        return _unanswered(told, debug, path, uri, repeatable=repeatable)
    status, code = int(answered[1]), _CODE.search(answered[2])
    if status == 404 and code is not None and code[1] == "NoSuchKey" and _is_of(key, answered[2]):
        return not_found(path, uri)
    if status == 416:
        return Answer.EMPTY
    if status >= 500 or status == 429:
        problem, remedy = failed("" if code is None else code[1], status)
        if problem and repeatable:
            return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))
    return Answer.UNCLEAR


def _is_of(key: str, body: str) -> bool:
    """Whether an error speaks of this key: obstore follows a redirect within the host, and does not say so."""
    named = _KEY.search(body)
    return named is None or html.unescape(named[1]) == key


def _unanswered(told: str, debug: str, path: str, uri: str, *, repeatable: bool) -> Answer | StorageError:
    """Nothing came back: of redirects and failing TLS boto3 says more, and finds out what became of a condition."""
    if " - HTTP error: " not in told or "ertificate" in debug or _REDIRECTED in debug:
        return Answer.UNCLEAR
    if repeatable or _NOT_SENT.search(debug):
        return unreached(path, uri)
    return Answer.UNCLEAR
