"""Draws the picture of a terminal that the README shows: `python -m tests.cli.pictures docs/images/cli.svg`.

The commands are run in a real terminal of 88 columns, over a store that is made for them; what they print is drawn by
rich, in the colours that they choose.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from autostore import AutoStore
from tests.optional import np, pl

COMMANDS = ("tree data --headers", "head data/flights/monday", "du data")
COLUMNS = 88
ROOT = Path(__file__).parents[2]


def fill(folder: Path) -> None:
    """A day's work."""
    store = AutoStore(folder)
    for day, delays in {"monday": [3, -1, 42], "tuesday": [0, 7, 12]}.items():
        store[f"flights/{day}"] = pl.DataFrame(
            {"carrier": ["AA", "UA", "DL"], "delay": delays, "cancelled": [False] * 3}
        )
    store["models/weights"] = np.zeros((300, 128), dtype="float32")
    store["report.md"] = "# Delays\n"


def shown(words: str, folder: Path) -> str:
    """What a terminal gets."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOSTORE_")}
    environment = kept | {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "autostore.cli", *words.split()]
    pieces = []
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        while True:
            try:
                pieces.append(os.read(ours, 65536))
            except OSError:  # the other end is closed
                break
    os.close(ours)
    return b"".join(pieces).decode().replace("\r\n", "\n").replace(str(folder), "/home/me")


def draw(file: Path) -> None:
    """The picture, without the fonts that it would ask a server for."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.text import Text

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        fill(Path(folder) / "data")
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        for words in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (f"autostore {words}", "bold")))
            console.print(Text.from_ansi(shown(words, Path(folder)).rstrip("\n")))
    template = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="autostore", code_format=template, unique_id="autostore")
    file.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
