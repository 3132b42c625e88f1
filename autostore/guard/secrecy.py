"""What no message may show: credentials in addresses, in queries, and wherever else a person put them."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable

__all__ = ["holds_secret", "is_connection_string", "proxy_secrets", "quieted", "redacted"]

_HIDDEN = "***"
_SHORTEST = 4
"""Shorter words are no secrets, and stand in every sentence."""

# A secret key of AWS may itself hold slashes.
_USERINFO = re.compile(r"(:/{0,3})(?:[^\s/@:'\"<>]*:[^\s@'\"<>]*|[^\s/@'\"<>]*)@")
_NAMES = r"[\w.-]*(?:secret|passw|pwd|token|signature|credential|access_?key|account_?key|api_?key|authori)[\w.-]*|sig"
_QUERY = re.compile(rf"([?&#;](?:{_NAMES})=)[^&\s'\"<>]+", re.IGNORECASE)
_CONNECTION = re.compile(r"(?:^|[;/])\s*(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s*=", re.IGNORECASE)
# In an address of HTTP a name without a password is a token.
_TOKEN = re.compile(r"(?:fsspec\+)?https?:/{0,3}[^/@]*@", re.IGNORECASE)
# What http.client says of a header's value, as a repr, in which a known secret may be spelt otherwise.
_HEADER = re.compile(r"(Invalid header value ).*", re.DOTALL)
# What botocore says of an endpoint that is none, in which credentials may stand in any spelling.
_ENDPOINT = re.compile(r"(Invalid endpoint: |Custom endpoint `|netloc ')[^\s`']+")
# A line of a configuration file, which its parser quotes.
_LINE = re.compile(rf"((?:^|[\s'\"])(?:{_NAMES})[ \t]*=[ \t]*)[^\s'\"\\]+", re.IGNORECASE)
_PORT = re.compile(r"[^/@:]*:\d+(?:/|$)")


def holds_secret(address: str) -> bool:
    """Whether an address (`scheme://...`) carries a password, or a query that names a secret, quoted or not."""
    return _holds_secret(address) or ("%" in address and _holds_secret(urllib.parse.unquote(address)))


def _holds_secret(address: str) -> bool:
    if _QUERY.search(address) or _TOKEN.match(address):
        return True
    rest = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:/{0,3}", "", address)
    authority = rest.partition("/")[0]
    if ":" in authority.rpartition("@")[0] or (address[:3].lower() == "s3:" and set("@:") & set(authority)):
        return True  # no bucket's name holds either sign
    return ":" in authority and "@" in rest and not _PORT.match(rest)


def is_connection_string(text: str) -> bool:
    """Whether it is one of Azure's, which hold a key and look like the name of a folder."""
    return _CONNECTION.search(text) is not None


def redacted(text: str, known: Iterable[str] = ()) -> str:
    """The text without the secrets that its form gives away, and without the `known` ones."""
    text = _HEADER.sub(rf"\g<1>{_HIDDEN}", text)
    text = _LINE.sub(rf"\g<1>{_HIDDEN}", _ENDPOINT.sub(rf"\g<1>{_HIDDEN}", text))
    text = _QUERY.sub(rf"\g<1>{_HIDDEN}", _USERINFO.sub(rf"\g<1>{_HIDDEN}@", text))
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _HIDDEN)
    return text


def quieted(error: BaseException, known: Iterable[str] = ()) -> None:
    """Redact an exception, and every other that stands behind it, in place."""
    known, seen, pending = tuple(known), set(), [error]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if not isinstance(one, OSError) or one.errno is None:  # those show their number, and a file of ours
            one.args = tuple(redacted(part, known) if isinstance(part, str) else part for part in one.args)
        for name, value in list(getattr(one, "__dict__", {}).items()):
            if name == "doc":  # what was to be JSON, such as the words of a credential helper
                setattr(one, name, _HIDDEN)
            elif isinstance(value, str):
                setattr(one, name, redacted(value, known))
            elif name == "kwargs" and isinstance(value, dict):  # botocore's own
                one.kwargs = {k: redacted(str(v), known) for k, v in value.items()}  # type: ignore[attr-defined]
            elif name == "response" and isinstance(value, dict) and isinstance(value.get("Error"), dict):
                said = value["Error"].items()
                value["Error"] = {k: redacted(v, known) if isinstance(v, str) else v for k, v in said}
        pending += [part for part in (*one.args, one.__cause__, one.__context__) if isinstance(part, BaseException)]


def proxy_secrets(proxies: Iterable[str]) -> list[str]:
    """The names and passwords that stand in the addresses of proxies."""
    found = []
    for address in proxies:
        userinfo = address.rpartition("@")[0].rpartition("//")[2]
        # Where a sign in a password ends the address, what complains of the rest quotes a piece.
        found += [userinfo, *userinfo.split(":"), *re.split("[#?/]", userinfo)]
    return found
