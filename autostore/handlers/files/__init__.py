"""Files of this machine by their `pathlib.Path`: one file as it is, and a folder as a `.tar`."""

from __future__ import annotations

__all__: list[str] = []
