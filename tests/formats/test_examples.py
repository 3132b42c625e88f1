"""Every format of the registry has its examples, and values that it is given come back or are refused."""

from autostore import AutoStore
from tests.formats.examples import ALIKE, EXAMPLES

NAMES_ONLY = {".txt", ".bin"}
"""Formats of which an extension says only what is in the text, or in the bytes."""


def extensions(store):
    """Each extension of a store, and the names of the formats that have it."""
    found = {}
    for one in store.formats():
        for extension in one.extensions:
            found.setdefault(extension, []).append(one)
    return found


def test_every_format_has_its_examples():
    """What is registered is proved: the message says which line a new format lacks."""
    # Mutation that this was seen to catch: the line of .avif is taken out.
    with AutoStore("memory://examples") as store:
        found = extensions(store)
    plain = {extension for extension, rows in found.items() if all(NAMES_ONLY & {*row.extensions} for row in rows)}
    missing = sorted(found.keys() - plain - EXAMPLES.keys() - ALIKE.keys())
    lines = "\n".join(f'    "{extension}": Example(lambda: [...], "family of values"),' for extension in missing)
    assert not missing, f"add to EXAMPLES in tests/formats/examples.py (or to ALIKE):\n{lines}"
    gone = sorted((EXAMPLES.keys() | ALIKE.keys()) - found.keys())
    assert not gone, f"take out of tests/formats/examples.py: {gone}"


def test_what_is_alike_is_read_by_the_same_code():
    """An extension without examples of its own is of the format whose examples stand for it."""
    with AutoStore("memory://alike") as store:
        found = extensions(store)
    for extension, other in ALIKE.items():
        assert other in EXAMPLES
        assert {row.name for row in found[extension]} & {row.name for row in found[other]}, extension
