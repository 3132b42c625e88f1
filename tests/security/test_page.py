"""The page on security and the tests of security say the same."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_line_of_the_page_is_a_test():
    """Every test that docs/security.md names is here, and every test here is on the page."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    sources = [file for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__)]
    written = {name for file in sources for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    assert named == written
