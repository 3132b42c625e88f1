"""What only HTTP has: names are spelt as addresses, servers send elsewhere, errors quote headers."""

from __future__ import annotations

import types
import urllib.parse
from typing import Any

from autostore.config import FsspecConfig
from autostore.errors import StorageConnectionError
from autostore.guard.behind import all_behind
from autostore.optional import require

__all__ = ["named", "spelt", "staying", "without_headers"]

_PROTOCOLS = ("http", "https")


def spelt(protocol: str, path: str) -> str:
    """A path as it stands in an address, where one is asked for: as they are `..%2f`, `#` and `?` name other files."""
    return urllib.parse.quote(path) if protocol in _PROTOCOLS else path


def named(protocol: str, found: str) -> str:
    """The path that a link of a listing spells."""
    return urllib.parse.unquote(found) if protocol in _PROTOCOLS else found


def staying(protocol: str, settings: FsspecConfig) -> dict[str, Any]:
    """The options of a file system that waits no longer than it may, and is sent to no other host.

    That one would be told our headers and cookies, of which aiohttp keeps back some at the most.
    """
    if protocol not in _PROTOCOLS:
        return dict(settings.options)
    aiohttp = require("aiohttp")
    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_refuse_others)
    waits = {"timeout": aiohttp.ClientTimeout(sock_connect=settings.timeout, sock_read=settings.timeout)}
    given = {**waits, **(settings.options.get("client_kwargs") or {})}
    told = {**given, "trace_configs": [*(given.get("trace_configs") or ()), watch]}
    return {**settings.options, "client_kwargs": told}


def without_headers(error: BaseException) -> None:
    """Take what was sent, credentials among it, out of the errors of aiohttp, whose repr shows it."""
    for one in all_behind(error):
        asked = getattr(one, "request_info", None)
        if asked is not None:
            told = types.SimpleNamespace(method=asked.method, real_url=asked.real_url, url=asked.url)
            one.request_info, one.history = told, ()  # type: ignore[attr-defined]
            one.args = (told, ())


async def _refuse_others(session: Any, context: Any, sent: Any) -> None:
    """What aiohttp calls before it follows."""
    answer = sent.response
    del session, context, sent  # a crash report shows the headers
    here, where = answer.url, answer.headers.get("Location") or answer.headers.get("URI") or ""
    try:
        there = here.join(type(here)(where))
    except ValueError:  # no address at all
        there = type(here)()
    safer = (here.scheme, there.scheme) == ("http", "https")
    if there.host == here.host and (there.port == here.port or safer):
        return
    answer.close()
    raise StorageConnectionError(
        f"The server at {here.host} sends to another one ({there.host}:{there.port}), which is not "
        "followed. Take that address if you trust it, or hand over a file system of your own: AutoStore(fs=...)."
    )
