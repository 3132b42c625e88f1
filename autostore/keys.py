"""The grammar of keys and URIs: pure functions, called once where a key or URI enters.

A key names an object (`experiment/results`), a path is a key plus its extension, relative
and POSIX (`experiment/results.json`), a URI is where a store begins (`s3://bucket/data/`).
A key is parsed once, into a `Key`; whoever is handed one trusts it and splits no strings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from autostore.errors import InvalidKeyError, compose
from autostore.guard.secrecy import holds_secret, is_connection_string, redacted

__all__ = [
    "RESERVED",
    "Key",
    "ParsedUri",
    "can_be_key",
    "check_key",
    "check_prefix",
    "is_ours",
    "parse_uri",
    "split_extension",
    "uri_below",
    "where",
]

RESERVED = ".autostore"
"""The one name that is ours; no segment of a key may be it."""

# File systems hold 255 bytes in a name, S3 holds 1,024 in a whole key:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
LONGEST_SEGMENT = 255
LONGEST_KEY = 1024

_ONE_SLASH = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+:/(?!/)|(s3|gs|az)//)")  # or the colon was forgotten
_RELATIVE_FILE = re.compile(r"^file://(?!/)", re.IGNORECASE)
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True)
class ParsedUri:
    """A URI in parts: `s3://bucket/data/` is scheme "s3" and rest "bucket/data/"."""

    scheme: str
    rest: str


class Key(NamedTuple):
    """A checked key, parsed once.

    Attributes:
        text: as the user typed it.
        extension: the registered one at its end, in lower case; "" of a bare key.
        names_file: whether it names exactly the file `text`. False of a bare key, which is answered by
            files `text + extension`; None where that file comes first, and files of a bare key after it:
            a plugin's extension, a well-known one, or one in capitals may also end a bare key that was
            stored when it did not count as an extension.
        answers: the extensions of files that may answer to it as a bare key.
    """

    text: str
    extension: str
    names_file: bool | None
    answers: Collection[str]

    def extension_of(self, path: str) -> str:
        """The extension of a file that answers to this key."""
        return self.extension if path == self.text else path[len(self.text) :]

    def path(self, extension: str, uri: str) -> str:
        """The path to write: the key itself where it names its extension, else with this one."""
        if self.extension:
            return self.text
        path = self.text + extension
        problem = _too_long(path)
        if problem:
            problem = f"With its extension this key is too long: {problem}"
            raise InvalidKeyError(compose(problem, key=self.text, uri=uri, remedy="Shorten it."))
        if extension not in self.answers:
            problem = f"With {extension} this would read as the file of another key"
            raise InvalidKeyError(compose(problem, key=self.text, uri=uri, remedy="Choose another key."))
        return path


def parse_uri(uri: str | os.PathLike[str]) -> ParsedUri:
    """Split a URI or a plain folder name (scheme "file") without touching anything."""
    try:
        text = os.fspath(uri)
    except TypeError:
        text = None
    text = str.__str__(text) if isinstance(text, str) else ""  # as in `check_key`
    if not text:
        raise InvalidKeyError(
            f"{type(uri).__name__} {uri!r} is not a URI. Pass a folder such as './data', or 's3://bucket/prefix/'."
        )
    _check_characters(text)
    if is_connection_string(text) or (":/" in text and holds_secret(text)):
        raise InvalidKeyError(
            "The URI holds credentials. Pass it without them; they belong in the configuration "
            "(S3StorageConfig(aws_access_key_id=..., aws_secret_access_key=...)), in a profile, or in the environment."
        )
    match = _SCHEME.match(text)
    # Blanks or quotes around a URI would make it a folder of this machine, of which nobody knows.
    if _ONE_SLASH.match(text) or _RELATIVE_FILE.match(text) or (match is None and "://" in text):
        remedy = "Write two slashes, 's3://bucket/prefix/', and three before a folder, 'file:///folder'."
        raise InvalidKeyError(f"{redacted(text)!r} is not a URI. {remedy}")
    if match is None:
        return ParsedUri("file", os.path.expanduser(text))
    return _without_query(ParsedUri(match[1].lower(), text[match.end() :]))


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise InvalidKeyError("A URI cannot hold a NUL character. Remove it.")
    try:
        os.fsencode(text)  # a folder's name may hold bytes that are no UTF-8, as `os.listdir` gives them
    except UnicodeEncodeError:
        raise InvalidKeyError("A URI cannot hold characters that UTF-8 cannot encode. Remove them.") from None


def _without_query(uri: ParsedUri) -> ParsedUri:
    """The same; a query of HTTP, behind which each key would be the same file, may hold a secret, and is not quoted."""
    if uri.scheme in ("fsspec+http", "fsspec+https") and not {"?", "#"}.isdisjoint(uri.rest):
        raise InvalidKeyError(
            "The address of a place over HTTP holds '?' or '#', behind which no name can stand. Pass it without; what "
            "each request carries belongs in the options, FsspecConfig(options=...)."
        )
    return uri


def check_key(key: object, uri: str) -> str:
    """The text of the key, if it can name an object here; `InvalidKeyError` says what is wrong with it."""
    if not isinstance(key, str):
        raise InvalidKeyError(compose(f"A key is a str, not {type(key).__name__}", uri=uri, remedy="Pass a string."))
    # What a subclass says of itself is not what it holds: a member of a `(str, Enum)` is its name in an f-string.
    key = str.__str__(key)
    problem = _problem(key)
    if problem:
        raise InvalidKeyError(
            compose(
                f"This cannot be a key: {problem}",
                key=key if len(key) <= 200 else key[:200] + "...",
                uri=uri,
                remedy="Use relative names joined by '/', such as 'experiment/results'.",
            )
        )
    return key


def check_prefix(prefix: object, uri: str) -> str:
    """The text of what names begin with, "" for all; any text will do, since nothing is made by it."""
    if not isinstance(prefix, str):
        problem = f"What keys begin with is a str, not {type(prefix).__name__}"
        raise InvalidKeyError(compose(problem, uri=uri, remedy="Pass a string, or nothing for all keys."))
    return str.__str__(prefix)


def is_ours(path: str) -> bool:
    """Whether a path lies below the reserved name, of this store or of one in a folder of it."""
    return f"/{RESERVED}/" in f"/{path}"


def uri_below(uri: str, prefix: str) -> str:
    """The URI of what lies below a prefix (ends in `/`, or is ""), which ends as `uri` does."""
    if not prefix:
        return uri
    end = "/" if uri.endswith("/") else ""
    return f"{uri.removesuffix('/')}/{prefix.removesuffix('/')}{end}"


def can_be_key(name: str) -> bool:
    """Whether a name found in a listing can be typed as a key."""
    return not _problem(name)


def split_extension(path: str, extensions: Collection[str]) -> tuple[str, str]:
    """`("a/model", ".pydantic.json")`: the longest of `extensions` wins; `(path, "")` where none fits.

    Extensions are lower case, and found in any: `Photo.JPG` has ".jpg". A name that is nothing
    but an extension (`.json`) has none.
    """
    start = path.rfind("/") + 1
    dot = path.find(".", start + 1)
    while dot != -1:
        if path[dot:].lower() in extensions:
            return path[:dot], path[dot:].lower()
        dot = path.find(".", dot + 1)
    return path, ""


def where(key: str, uri: str) -> str:
    """How messages name a place."""
    return f"key {key!r} in {uri}"


def _problem(key: str) -> str:
    if not key:
        return "it is empty"
    if "\0" in key:
        return "it holds a NUL character"
    if key[0] == "/":
        return "it is an absolute path"
    if key[-1] == "/":
        return "it ends in '/', as a prefix does, whose tables scan() and read(as_type=pl.DataFrame) take together"
    for segment in key.split("/"):
        if not segment:
            return "it has an empty segment"
        if segment in (".", ".."):
            return f"it has a segment {segment!r}"
        if segment == RESERVED:
            return f"{RESERVED!r} is reserved"
    return _too_long(key)


def _too_long(path: str) -> str:
    if len(path) * 4 <= LONGEST_SEGMENT and path.isascii():
        return ""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "it holds characters that UTF-8 cannot encode"
    if size > LONGEST_KEY:
        return f"{size} bytes, more than {LONGEST_KEY}"
    longest = max(len(segment.encode()) for segment in path.split("/"))
    return f"a segment of {longest} bytes, more than {LONGEST_SEGMENT}" if longest > LONGEST_SEGMENT else ""
