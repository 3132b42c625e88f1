"""What text files are encoded in: UTF-8, also with the byte order mark that other programs put before it.

Any other encoding is named and never guessed at: a guess gives wrong characters, not an error.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterable

from autostore.errors import CorruptDataError

__all__ = ["check_utf8", "decode", "without_mark"]

_WHOLE = "Save it as UTF-8, or read it with as_type=bytes."
# The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def decode(content: bytes) -> str:
    """The text of a file, its mark included; `CorruptDataError` that names the encoding where it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _foreign(content, error.start) from error


def without_mark(content: bytes) -> str:
    """The same for formats in which a byte order mark means nothing."""
    text = decode(content)
    if not text.isascii() and text[0] == "\ufeff":
        return text[1:]
    if "\x00" in text[:4]:  # every other byte, where a program left out the mark
        raise CorruptDataError(f"The file begins like UTF-16 without a byte order mark. {_WHOLE}")
    return text


def check_utf8(chunks: Iterable[bytes]) -> None:
    """Look through a file of any size, piece by piece, and refuse what is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = 0
    for chunk in itertools.chain(chunks, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise _foreign(b"" if seen else chunk, seen - pending + error.start) from error
        seen += len(chunk)


def _foreign(head: bytes, position: int) -> CorruptDataError:
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return CorruptDataError(f"The file is {name}, by its byte order mark. {_WHOLE}")
    return CorruptDataError(
        f"The file is not UTF-8, from byte {position} on; older programs often write Latin-1 or Windows-1252. {_WHOLE}"
    )
