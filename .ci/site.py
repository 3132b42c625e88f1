"""What the site needs beside the pages: links to files outside of docs/ are shown as the paths that they name."""

import re
from pathlib import Path
from typing import Any

_OUT = re.compile(r"\[([^\]]*)\]\((?:\.\./)+([^)#\s]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^(```\w+) .+$", re.MULTILINE)
"""The first line of a block that says to the tests what it needs: `python s3`."""
_ROOT = Path(__file__).parents[1]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """As a reader of the site has no checkout to follow them in."""
    if page.file.src_uri in ("changelog.md", "contributing.md"):  # whose text lies at the top, and links from there
        source = (_ROOT / f"{page.file.src_uri.removesuffix('.md').upper()}.md").read_text(encoding="utf-8")
        markdown = re.sub(r"\]\(docs/", "](", source)
    return _FENCE.sub(r"\1", _OUT.sub(_path, markdown))


def _path(link: re.Match[str]) -> str:
    text, path = link[1], link[2]
    if not (_ROOT / path).exists():
        return link[0]
    return text if path in text else f"{text} (`{path}`)"
