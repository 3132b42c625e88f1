"""What a refusal by S3 means, whoever asked: by its code and status, with the bucket, the key and what to do."""

from __future__ import annotations

from autostore.backend import changed, not_found
from autostore.errors import (
    StorageConnectionError,
    StorageError,
    StorageIOError,
    StoragePermissionError,
    compose,
)

__all__ = ["failed", "refused", "unreached"]

_CREDENTIALS = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_REGION = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_THROTTLED = {"429", "503", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"}
_DENIED = {  # what is no matter of credentials, though the status says so
    "InvalidObjectState": "The object is archived: ask S3 to bring it back (RestoreObject), and wait until it has.",
    "InvalidPayer": "S3 has closed the account that pays for the bucket: ask its owner.",
    "QuotaExceeded": "The bucket or its user may hold no more: free some room, or have the quota raised.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
}
_REFUSED = {
    "KeyTooLong": "Use a shorter key.",
    "KeyTooLongError": "Use a shorter key.",
    "NoSuchAccessPoint": "Check the name of the access point that stands in place of the bucket's.",
    "NotImplemented": "This server lacks what was asked of it, which may be what upload_args name.",
}
_DAMAGED = {"BadDigest", "IncompleteBody", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}


def refused(code: str, status: int, message: str, uri: str, path: str | None, *, absent: bool) -> StorageError:
    """What an answer other than success means; `absent` where S3 itself said that the key is."""
    if code == "NoSuchBucket":
        bucket = uri.partition("://")[2].partition("/")[0]
        remedy = f"Create it (aws s3 mb s3://{bucket}), or check the name, region_name and endpoint_url."
        return StorageConnectionError(
            compose(f"The bucket {bucket!r} does not exist", key=path, uri=uri, remedy=remedy)
        )
    if path is not None and absent:
        return not_found(path, uri)
    if status in (409, 412) and path is not None and code != "OperationAborted":
        return changed(path, uri)
    if code in _REGION:
        return StorageConnectionError(
            compose("The bucket is in another region", key=path, uri=uri, remedy="Set region_name to the bucket's.")
        )
    if status in (401, 403) or code in _CREDENTIALS or code == "400":
        return _denied(code, uri, path)
    problem, remedy = failed(code, status)
    if problem:
        return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))
    problem = f"S3 refused the request: {code}, {message or f'status {status}':.300}"
    return StorageIOError(compose(problem, key=path, uri=uri, remedy=_REFUSED.get(code, "Check upload_args.")))


def _denied(code: str, uri: str, path: str | None) -> StoragePermissionError:
    # A HEAD has no body, so that an expired token is a bare 400 there.
    if code in _CREDENTIALS or code == "400":
        remedy = "Check the access key, the secret key and the session token."
    else:
        remedy = _DENIED.get(code, "Check the credentials, and what the bucket's policy allows them to do.")
    return StoragePermissionError(compose(f"S3 refused access ({code})", key=path, uri=uri, remedy=remedy))


def failed(code: str, status: int) -> tuple[str, str]:
    """Problem and remedy where the server failed, or something that is none answered; else nothing."""
    shown = code or status
    if code in _THROTTLED or status in (429, 503):
        return f"S3 asks to slow down ({shown})", "Try again later, or raise max_retries."
    if code in _DAMAGED:
        return f"The bytes were damaged on their way ({code})", "Try again."
    if code in ("404", "405") or (not code and status in (404, 405)):
        return "What answers here is not S3", "Check endpoint_url."
    if (status >= 500 and status != 501) or code in ("OperationAborted", "RequestTimeout", "NoSuchUpload"):
        return f"S3 failed ({shown})", "Try again, or raise max_retries."
    return "", ""


def unreached(path: str | None, uri: str, kind: str = "") -> StorageConnectionError:
    """The one way to say that nothing answered."""
    problem = f"S3 could not be reached, or the connection broke{kind and f' ({kind})'}"
    remedy = "Check endpoint_url, region_name and the network, then try again."
    return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))
