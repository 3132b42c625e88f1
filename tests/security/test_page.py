"""The page on security and the tests of security say the same."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def names_in(files):
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}


def test_each_line_of_the_page_is_a_test():
    """Every test that docs/security.md names exists, and every test here is on the page."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    assert named <= names_in((ROOT / "tests").rglob("test_*.py"))
    assert names_in(file for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__)) <= named
