"""Writes the table of formats into docs/formats.md: `python -m tests.formats`."""

from tests.formats.page import PAGE, with_table

PAGE.write_text(with_table(PAGE.read_text()))
