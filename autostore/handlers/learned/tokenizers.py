"""Tokenizers of Hugging Face as .tokenizer: the JSON that they call `tokenizer.json`, parsed by their own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from autostore.equality.learned import TOKENIZERS
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.guard.foreign import let_pass
from autostore.handlers.encoding import decode
from autostore.handlers.owned import OwnedHandler
from autostore.headers.header import Header, beginning, text_of
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview
from autostore.previews.learned import tokenizer

__all__ = ["TokenizerHandler"]

_BYTES_IN_MEMORY = 20
"""What a byte of JSON may become."""


class TokenizerHandler(OwnedHandler):
    """Tokenizers of Hugging Face, as .tokenizer."""

    types = "tokenizers of Hugging Face (`tokenizers.Tokenizer`)"
    read_by = "tokenizers in Python, Rust and JavaScript"
    install = f"{DISTRIBUTION}[tokenizers]"
    equality = TOKENIZERS
    media_types = {".tokenizer": "application/json"}
    requires = ("tokenizers",)
    extension, of_class = ".tokenizer", ("tokenizers", "Tokenizer")

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """How it begins."""
        return Header(type="tokenizers.Tokenizer", preview=text_of(beginning(file)))

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The tokenizer that the JSON describes."""
        content = read_whole(file_path, self.ceiling)
        self.ceiling.check(_BYTES_IN_MEMORY * len(content), "The tokenizer")
        text = decode(content)
        try:
            return require("tokenizers").Tokenizer.from_str(text)
        except Exception as error:  # the library raises nothing more exact
            let_pass(error)
            raise CorruptDataError(f"This describes no tokenizer: {error!s:.300}") from error

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write its JSON, if the same comes back from it."""
        try:
            text = data.to_str()
            kept = require("tokenizers").Tokenizer.from_str(text).to_str() == text
        except Exception as error:  # likewise: a part that is Python code of somebody's
            let_pass(error)
            raise UnsupportedFormatError(f"Its JSON cannot hold this tokenizer: {error!s:.300}") from error
        if not kept:
            raise UnsupportedFormatError("Its JSON would not give this tokenizer back. Ask what it is made of.")
        with open(file_path, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def preview(self, data: Any) -> Preview:
        """How many words it knows, and what it is made of."""
        return tokenizer(data)
