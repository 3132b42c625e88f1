"""What obstore's errors mean when they come from Azure: typed errors, or an answer that was asked for.

obstore puts all into one text (method, address, body); it is read here, and never shown.
"""

from __future__ import annotations

import re

from autostore.backend import not_found
from autostore.backends.cloud.obstore.answers import Answer
from autostore.errors import (
    InvalidKeyError,
    StorageConnectionError,
    StorageError,
    StorageIOError,
    StoragePermissionError,
    compose,
)

__all__ = ["impossible", "meaning", "missing_container", "not_azure"]

_STATUS = re.compile(r" - Server returned non-2xx status code: (\d{3})\b(.*)", re.DOTALL)
_CODE = re.compile(r"<Code>(\w{1,100})</Code>")
_EMPTY = '"bytes 0--1/0"'
"""How Azurite says that an empty object has no such range."""


def meaning(error: BaseException, key: str, path: str, uri: str) -> Answer | StorageError:
    """What a failure means; `Answer.UNCLEAR` where nothing tells a missing object from a missing container."""
    name = type(error).__name__
    if name == "NotModifiedError":
        return Answer.SAME
    text = str(error).replace(f"location {key} ", "", 1).replace(f"path {key}:", "", 1)  # a key may hold any words
    told = text.partition("\n\nDebug source:")[0]
    answered = _STATUS.search(told)
    status = 0 if answered is None else int(answered[1])
    found = None if answered is None else _CODE.search(answered[2])
    code = "" if found is None else found[1]
    if code == "ContainerNotFound":
        return missing_container(path, uri)
    if name in ("PreconditionError", "AlreadyExistsError"):
        return Answer.CHANGED
    if status == 416 or _EMPTY in told:
        return Answer.EMPTY
    if status == 404 or name == "FileNotFoundError":
        return not_found(path, uri) if code == "BlobNotFound" else Answer.UNCLEAR
    if name == "ValueError":
        return impossible(path, uri)
    if name in ("PermissionDeniedError", "UnauthenticatedError"):
        status = 403
    return _failure(status, code, path, uri)


def _failure(status: int, code: str, path: str, uri: str) -> StorageError:
    if status in (401, 403):
        remedy = "Check account_name and account_key, sas_token or the service principal, and what they may do."
        return StoragePermissionError(compose(f"Azure refused access ({code})", key=path, uri=uri, remedy=remedy))
    if status == 429 or status >= 500:
        remedy = "Try again later, or raise max_retries."
        return StorageConnectionError(compose(f"Azure failed ({code or status})", key=path, uri=uri, remedy=remedy))
    if not status:
        return not_azure("Azure could not be reached, or the connection broke", path, uri)
    problem, remedy = f"Azure refused the request: {code or status}", "Check the settings."
    return StorageIOError(compose(problem, key=path, uri=uri, remedy=remedy))


def impossible(path: str, uri: str) -> InvalidKeyError:
    """Azure takes a backslash for a slash, and obstore no control characters."""
    remedy = "Pass a key without backslashes and control characters."
    return InvalidKeyError(compose("Azure has no such name", key=path, uri=uri, remedy=remedy))


def missing_container(path: str, uri: str) -> StorageConnectionError:
    """The container is not there, which is never an absent key."""
    container = uri.partition("://")[2].partition("/")[0]
    remedy = f"Create it (az storage container create -n {container}), or check account_name and endpoint_url."
    return StorageConnectionError(
        compose(f"The container {container!r} does not exist", key=path, uri=uri, remedy=remedy)
    )


def not_azure(problem: str, path: str, uri: str) -> StorageConnectionError:
    """Nothing answered, or what answered was not understood."""
    remedy = "Check account_name, endpoint_url and the network, then try again."
    return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))
