"""Notebooks as .ipynb: nodes of nbformat, and the dict that the file is, come back; a file of anybody else is its text.

The notebook's metadata say what it was written from, which Jupyter lets be and keeps when the notebook is saved.
https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from typing import Any, BinaryIO

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NotedHandler
from autostore.handlers.unfolding import MOST_LEVELS, json_object, nesting
from autostore.headers import texts as texts_header
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, loaded_type, require
from autostore.preview import Markdown, Preview
from autostore.previews import text
from autostore.previews.bounds import clip

__all__ = ["NotebookHandler"]

_MAJOR = 4
_OURS = "autostore"
# No text of JSON has a newline in it, so that this is a key of the second level, and only metadata have such.
_NOTE = re.compile(rb'\n  "autostore": \{\n   "type": "([\w.]+)",\n   "v": (\d+)\n  \}')


class NotebookHandler(NotedHandler):
    """Notebooks of Jupyter as .ipynb; a text stays one, and so does a file of somebody else."""

    types = "`nbformat.NotebookNode`, the dict of such a file; str"
    read_by = "Jupyter, and every editor of notebooks"
    install = f"{DISTRIBUTION}[notebooks]"
    named_extensions = (".ipynb",)
    media_types = {".ipynb": "application/x-ipynb+json"}
    raw = str

    def is_value(self, data: Any) -> bool:
        """Exact nodes and dicts."""
        return type(data) is dict or _is_node(type(data))

    def is_noted(self, content: bytes) -> bool:
        """Whether its metadata say so."""
        return _NOTE.search(content) is not None

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The first characters."""
        return texts_header.document(file)

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """A node or a dict: as it is asked for, as our note says, or else a dict."""
        value = json_object(content, self.ceiling, "notebook")
        noted = _NOTE.search(content)
        if noted is not None:
            if int(noted[2]) > 1:
                raise CorruptDataError("A newer version of autostore wrote this notebook. Upgrade autostore.")
            value["metadata"].pop(_OURS)
        wants_node = _is_node(as_type) or (as_type is None and noted is not None and noted[1] != b"dict")
        return _node(value) if wants_node else value

    def as_type(self, value: Any, as_type: Any) -> Any:
        """A node as such, cells and metadata validated into anything else."""
        return value if _is_node(as_type) else fitted(as_type, value, row="item")

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """The file that Jupyter writes, but for the order of keys, which is the value's own."""
        metadata, levels = data.get("metadata"), nesting(data, MOST_LEVELS)
        right = type(data.get("cells")) is list and isinstance(metadata, dict) and data.get("nbformat") == _MAJOR
        if not right or _OURS in metadata or levels > MOST_LEVELS:
            raise UnsupportedFormatError(
                f"This is no notebook of the format {_MAJOR}, of cells and metadata, none of which is called {_OURS!r}."
                " Make one by nbformat.v4.new_notebook, or use .json."
            )
        try:
            split = data if type(data) is dict else require("nbformat.v4.rwbase").split_lines(_copied(data))
            ours = {_OURS: {"type": "dict" if type(data) is dict else "nbformat.NotebookNode", "v": 1}}
            said = {**split, "metadata": {**ours, **split["metadata"]}}
            content = (json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
            kept = same(self.loads(content, file_extension), data)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError, CorruptDataError) as error:
            let_pass(error)
            raise UnsupportedFormatError(f"A notebook cannot hold this: {error!s:.200}. Correct it.") from error
        if not kept:
            raise UnsupportedFormatError(
                "A notebook would not give this value back equal. Use .typed.json or a bare key."
            )
        return content

    def preview(self, data: Any) -> Preview:
        """How many cells there are, of which language, and what the first ones say."""
        if type(data) is str:
            return text.text(data)
        cells = [cell for cell in data.get("cells", ()) if isinstance(cell, dict)]
        language = dict(data.get("metadata") or {}).get("language_info")
        name = language.get("name") if isinstance(language, dict) else None
        head = "\n\n".join(_source(cell) for cell in cells[:3])
        return {"cells": len(cells), "language": clip(str(name)), "head": Markdown(clip(head))}


def _is_node(kind: Any) -> bool:
    node = loaded_type("nbformat.notebooknode", "NotebookNode")
    return node is not None and kind is node


def _copied(value: Any) -> Any:
    return require("nbformat.notebooknode").from_dict(value)


def _node(value: dict[str, Any]) -> Any:
    """As nbformat reads it: each text in one piece."""
    if value.get("nbformat") != _MAJOR:
        raise CorruptDataError(
            f"The notebook is not of the format {_MAJOR}. Save it again in Jupyter, or use as_type=dict."
        )
    return require("nbformat.v4.rwbase").rejoin_lines(_copied(value))


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    said = source if isinstance(source, str) else "".join(map(str, source)) if isinstance(source, list) else ""
    return said if cell.get("cell_type") == "markdown" else f"```\n{said}\n```"
