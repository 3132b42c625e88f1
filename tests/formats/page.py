"""The table of formats, as docs/formats.md has it and as a store prints it."""

import re
from pathlib import Path

from autostore import AutoStore

__all__ = ["PAGE", "table", "with_table"]

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
_BLOCK = re.compile(r"(^<!-- formats: .*-->\n).*(^<!-- /formats -->$)", re.MULTILINE | re.DOTALL)


def table():
    """The table of a store's own formats."""
    with AutoStore("memory://table of formats") as store:
        return store.formats().markdown()


def with_table(page):
    """The page with the table of today."""
    found, count = _BLOCK.subn(lambda block: f"{block[1]}{table()}\n{block[2]}", page)
    assert count == 1
    return found
