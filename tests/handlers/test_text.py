"""Text and bytes."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers.binary import BytesHandler
from autostore.handlers.text import TextHandler
from autostore.testing import HandlerContract


class Name(str):
    __slots__ = ()


class TestTextHandler(HandlerContract):
    handler = TextHandler()
    samples = ("", "plain", "a\r\nb\rc\n", "\ufeffmarked", "ünï ☃ \U0001f600", "\x00\x85\u2028")
    refused = ("\ud800", "\ud83d\ude00", Name("x"), b"bytes", 1, None)
    reads_anything = True


class TestBytesHandler(HandlerContract):
    handler = BytesHandler()
    samples = (b"", b"\x00\xff", b"text\r\n", bytes(100_000))
    refused = (bytearray(b"x"), memoryview(b"x"), "text", None)
    reads_anything = True


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(exclude_categories=())))
def test_every_text_is_kept_as_utf8_or_refused(tmp_path: Path, text: str) -> None:
    """The file holds exactly the UTF-8 of the text; what has none is refused."""
    file = tmp_path / "t.txt"
    try:
        expected = text.encode()
    except UnicodeEncodeError:
        with pytest.raises(UnsupportedFormatError, match="surrogate"):
            TextHandler().write_to_file(text, file, ".txt")
        return
    TextHandler().write_to_file(text, file, ".txt")
    assert file.read_bytes() == expected
    assert TextHandler().read_from_file(file, ".txt") == text


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("é".encode("latin-1"), "not UTF-8, from byte 0"),
        (b"abc" + "é".encode("cp1252") + b"d", "not UTF-8, from byte 3"),
        ("é".encode("utf-16"), "UTF-16"),
        ("é".encode("utf-32"), "UTF-32"),
    ],
)
def test_text_that_is_not_utf8_is_an_error_that_says_so(tmp_path: Path, content: bytes, name: str) -> None:
    """A file in another encoding is never guessed at, and its owner is not told to delete it."""
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(CorruptDataError, match=name) as caught:
        AutoStore(tmp_path)["t"]
    assert "as_type=bytes" in str(caught.value)
    assert "elete" not in str(caught.value)
