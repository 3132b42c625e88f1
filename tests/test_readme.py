"""Every block of code in the README and the docs runs, in order, in one namespace per page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, int, str]]:
    """Kind, line and code of each block; those of one `format` or `place` are one piece of code, told step by step."""
    text = page.read_text()
    found: list[tuple[str, int, str]] = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[1] in ("format", "place") and found and found[-1][0] == match[1]:
            kind, first, code = found.pop()
            found.append((kind, first, code + match[2]))
        else:
            found.append((match[1], line, match[2]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_runs(page, tmp_path, monkeypatch, request):
    """A reader who types the page gets what it says."""
    found = blocks(page)
    monkeypatch.chdir(tmp_path)
    if any(kind == "s3" for kind, _, _ in found):
        server = request.getfixturevalue("moto_s3")
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        server.raw().create_bucket(Bucket="my-bucket")
    # A module of its own, so that the classes it defines can be imported by name, as a reader's can.
    import sys
    import types

    module = types.ModuleType(f"readme_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for _, line, code in found:
        exec(compile("\n" * line + code, str(page), "exec"), module.__dict__)


def test_the_readme_has_the_two_commands():
    """The first thing a newcomer types stands near the top."""
    top = (ROOT / "README.md").read_text()[:2500]
    assert "make demo" in top
    assert "make test" in top


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every relative link names a file of the repository."""
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
