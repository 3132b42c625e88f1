"""The one place where the errors of S3 and of its client become this library's.

The decision is made by code and status; each message names the bucket, the key and what to do.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error, is_bare
from autostore.backends.cloud.boto3.between import of_proxy, of_stranger, of_tls
from autostore.backends.cloud.boto3.chain import NoCredentialsError
from autostore.backends.cloud.refusals import refused, unreached
from autostore.errors import (
    InvalidConfigError,
    StorageConnectionError,
    StorageError,
    StorageIOError,
    StoragePermissionError,
    compose,
    from_os_error,
)
from autostore.guard.foreign import let_pass

__all__ = ["NO_PLACE", "code_of", "is_broken_body", "status_of", "translated", "was_repeated"]

LONGEST_CODE = 100
"""Characters; a stranger may send any text as its code."""

NO_PLACE = ("NoSuchBucket", "NoSuchAccessPoint")
"""Codes of a 404 that is not the key's."""

_MISSING = {"NoSuchKey", "NoSuchVersion"}

# Classes of botocore.exceptions, by name, so that botocore is only imported where it is used.
_NO_CREDENTIALS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "SSOError",
    "NoAuthTokenError",
    "TokenRetrievalError",
    "LoginError",
)
_CONNECTION = (
    "HTTPClientError",
    "ConnectionError",
    "IncompleteReadError",
    "FlexibleChecksumError",
    "MetadataRetrievalError",
)
_CONFIGURATION = ("ConfigNotFound", "ConfigParseError", "InvalidConfigError", "InfiniteLoopConfigError")
# What botocore raises over an answer that it cannot parse.
_NONSENSE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, AssertionError)
_BROKEN_BODY = ("HTTPClientError", "IncompleteReadError", "ReadTimeoutError")


@contextlib.contextmanager
def translated(uri: str, path: str | None = None) -> Iterator[None]:
    """Raise what goes wrong inside as a `StorageError` about `path` in `uri`."""
    handled = sys.exc_info()[1]
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        let_pass(error, handled, by_client=True)
        found = _translate(error, uri, path)
        if found is None:
            raise
        raise found from error


def status_of(error: BaseException) -> int:
    """The HTTP status that the server answered with; 0 where it did not answer."""
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


def code_of(error: BaseException) -> str:
    """S3's error code, such as `NoSuchKey`; a HEAD has only the status."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code") or "")[:LONGEST_CODE] if isinstance(response, dict) else ""


def was_repeated(error: BaseException | None) -> bool:
    """Whether botocore sent the request more than once, so that this may be the answer to a repetition."""
    response = getattr(error, "response", None)
    return isinstance(response, dict) and response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0


def is_broken_body(error: BaseException) -> bool:
    """Whether a response ended early, so that the rest of it may be asked for again."""
    return _is_a(error, _BROKEN_BODY) or _is_urllib3(error)


def _translate(error: Exception, uri: str, path: str | None) -> StorageError | None:
    if _is_a(error, ("ClientError",)):
        code, status = code_of(error), status_of(error)
        answer: Any = error.response  # type: ignore[attr-defined]
        strange = of_stranger(answer, code, status, uri, path)
        if strange is not None:
            return strange
        message = answer.get("Error", {}).get("Message")
        return refused(code, status, message or "", uri, path, absent=_is_absent(code, status, error))
    if isinstance(error, NoCredentialsError) or _is_a(error, ("ProfileNotFound", *_NO_CREDENTIALS)):
        return _without_credentials(error, uri, path)
    if _is_a(error, ("SSLError",)):
        return of_tls(error, uri, path)
    if _is_a(error, _CONNECTION) or _is_urllib3(error):
        return _unreached(error, uri, path)
    if type(error).__module__ == "botocore.exceptions" or _names_no_place(error):
        remedy = "Check the bucket's name, endpoint_url, region_name and upload_args."
        if _is_a(error, _CONFIGURATION):
            remedy = "Correct the AWS configuration: ~/.aws/config, or what AWS_CONFIG_FILE names."
        return InvalidConfigError(compose(f"The request cannot be sent: {error}", key=path, uri=uri, remedy=remedy))
    if isinstance(error, OSError):
        return _of_this_machine(error, uri, path)
    return _nonsense(error, uri, path)


def _without_credentials(error: Exception, uri: str, path: str | None) -> StorageError:
    if isinstance(error, NoCredentialsError):
        kind = StorageConnectionError if error.unreached else StoragePermissionError
        return kind(compose(error.problem, key=path, uri=uri, remedy=error.remedy))
    if _is_a(error, ("ProfileNotFound",)):
        remedy = "Name one that `aws configure list-profiles` has, by profile_name or AWS_PROFILE, or neither."
        return StoragePermissionError(compose(str(error).rstrip("."), key=path, uri=uri, remedy=remedy))
    remedy = "Set aws_access_key_id and aws_secret_access_key, profile_name, or the AWS environment variables."
    return StoragePermissionError(compose("No usable credentials were found", key=path, uri=uri, remedy=remedy))


def _unreached(error: Exception, uri: str, path: str | None) -> StorageError:
    if _is_a(error, ("ProxyConnectionError",)):
        return of_proxy(error, uri, path)
    if "Invalid header value" in str(error):
        problem = "The request cannot be sent: a credential or upload argument holds what no header can"
        remedy = "Check the ends of the texts in the credentials and in upload_args: a line break is often left there."
        return InvalidConfigError(compose(problem, key=path, uri=uri, remedy=remedy))
    return unreached(path, uri, type(error).__name__)


def _of_this_machine(error: OSError, uri: str, path: str | None) -> StorageError:
    if not isinstance(error, FileNotFoundError):
        return from_os_error(error, uri if path is None else f"key {path!r} in {uri}")
    what = "a file that the AWS configuration names, or a temporary one that was removed"
    problem = f"{str(error.filename)!r:.200} is not there, {what}"
    return StorageIOError(compose(problem, key=path, uri=uri, remedy="Check it, then try again."))


def _nonsense(error: Exception, uri: str, path: str | None) -> StorageError | None:
    """An answer that is not quite S3's, or cannot be parsed."""
    if isinstance(error, NotQuiteS3Error):
        problem, remedy = str(error), error.remedy
    elif type(error).__name__ == "ResponseParserError" or isinstance(error, _NONSENSE) or _is_no_date(error):
        problem, remedy = "What answers here is not S3", "Check endpoint_url."
    else:
        return None
    return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))


def _is_no_date(error: Exception) -> bool:
    """Whether botocore gave up a date that is a number out of range: a bare RuntimeError."""
    return type(error) is RuntimeError and "timezone offset" in str(error)


def _is_absent(code: str, status: int, error: Any) -> bool:
    """Whether S3 itself said so: a HEAD has no body to hold a code, any other bare 404 comes from a stranger."""
    by_head = status == 404 and error.operation_name == "HeadObject" and not is_bare(error.response)
    return code in _MISSING or by_head


def _names_no_place(error: BaseException) -> bool:
    """Whether endpoint_url cannot be an address: botocore's own check, or urllib's."""
    return isinstance(error, ValueError) and ("endpoint" in str(error) or "URL" in str(error))


def _is_a(error: BaseException, names: tuple[str, ...]) -> bool:
    module: Any = sys.modules.get("botocore.exceptions")
    return module is not None and isinstance(error, tuple(getattr(module, n) for n in names if hasattr(module, n)))


def _is_urllib3(error: BaseException) -> bool:
    module: Any = sys.modules.get("urllib3.exceptions")
    return module is not None and isinstance(error, module.HTTPError)
