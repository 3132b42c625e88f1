"""What stands between here and S3: certificates, proxies, and strangers that answer in its place."""

from __future__ import annotations

import ssl
from typing import Any

from autostore.backends.cloud.boto3.answers import is_bare
from autostore.errors import InvalidConfigError, StorageConnectionError, StorageError, StoragePermissionError, compose
from autostore.guard.behind import all_behind

__all__ = ["SAID", "of_proxy", "of_stranger", "of_tls"]

SAID = "AutostoreSaid"
"""Where an answer keeps the status that it had before botocore took it for a failure."""

_OWN_WORDS = {304, 404, 405, 408, 409, 412, 416, 429}
"""What S3's own answers to a HEAD say by their status alone, or others know how to name."""

_BETWEEN = "Check endpoint_url, and what stands between here and there."
_PROXY = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."


def of_tls(error: Exception, uri: str, path: str | None) -> StorageError:
    """Whose certificate, or which file, is not taken, and why."""
    first = list(all_behind(error))[-1]
    if isinstance(first, OSError) and not isinstance(first, ssl.SSLError | ConnectionError):
        return _bundle(first.strerror or type(first).__name__, uri, path)
    if isinstance(first, ssl.SSLError) and first.library in ("X509", "PEM"):
        return _bundle("it holds no certificate that can be read", uri, path)
    problem = "The TLS connection failed"
    remedy = "Check endpoint_url and use_ssl; for a private certificate pass verify='ca-bundle.pem'."
    if isinstance(first, ssl.SSLCertVerificationError):
        problem = f"{problem}: {first.verify_message:.100}"
        if "expired" in problem or "not yet valid" in problem:
            remedy = "Have the server's certificate renewed, or set this machine's clock."
    elif type(first).__name__ == "CertificateError":
        problem = f"{problem}: {first!s:.200}"
        remedy = "Check endpoint_url: its host is to be one that the server's certificate names."
    elif isinstance(first, ssl.SSLError) and first.reason == "WRONG_VERSION_NUMBER":
        problem = f"{problem}: what answers there speaks no TLS"
        remedy = "Check endpoint_url: http or https, and the port."
    return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))


def _bundle(why: str, uri: str, path: str | None) -> StorageError:
    names = "verify, AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE and ca_bundle of the AWS configuration"
    remedy = f"Check {names}: the path of a PEM file."
    return InvalidConfigError(compose(f"The CA bundle cannot be used: {why}", key=path, uri=uri, remedy=remedy))


def of_proxy(error: Exception, uri: str, path: str | None) -> StorageError:
    """A proxy that is not there, or does not let this through; of its own words only the status is quoted."""
    said = str(list(all_behind(error))[-1])
    status = said.removeprefix("Tunnel connection failed: ")[:3]
    if said == status or not status.isdigit():
        problem = "The proxy could not be reached"
    else:
        problem = _asks(int(status)) or f"The proxy refuses the connection ({status})"
    return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=_PROXY))


def _asks(status: int) -> str:
    return "The proxy wants a name and a password (407)" if status == 407 else ""


def of_stranger(response: Any, code: str, status: int, uri: str, path: str | None) -> StorageError | None:
    """What an answer means in which nothing is S3's; None where S3 may have given it."""
    if response.get(SAID) == 200 and code in ("", str(status)):
        problem = "What was answered is no answer of S3's, or only a part of one"
        return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=_BETWEEN))
    if code not in ("", str(status)) or not is_bare(response) or not 300 < status < 500 or status in _OWN_WORDS:
        return None
    if status in (401, 403):
        problem = f"Access was refused ({status}), and nothing in the answer is S3's"
        remedy = f"{_BETWEEN} If that is S3, check the credentials."
        return StoragePermissionError(compose(problem, key=path, uri=uri, remedy=remedy))
    asks = _asks(status)
    problem, remedy = asks or f"What answers here is not S3 ({status})", _PROXY if asks else _BETWEEN
    return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))
