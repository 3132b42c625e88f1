"""How much is done: a little in `make test`, the full numbers with AUTOSTORE_SOAK=1 (`make soak`)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOAK = os.environ.get("AUTOSTORE_SOAK") == "1"
RESULTS = os.environ.get("AUTOSTORE_RESULTS")
"""A file that `measured` appends one line of JSON to for each row; `report.py` makes a table of it."""


def scaled(short: int, full: int) -> int:
    """The number to do."""
    return full if SOAK else short


@contextmanager
def measured(row: str) -> Iterator[dict[str, Any]]:
    """Note what a row did, and how long it took, once it has passed."""
    facts: dict[str, Any] = {}
    begun = time.monotonic()
    yield facts
    if RESULTS:
        seconds = round(time.monotonic() - begun, 1)
        with Path(RESULTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"row": row, "seconds": seconds, "facts": facts}) + "\n")
