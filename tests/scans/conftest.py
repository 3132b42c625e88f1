"""A store whose place gives ranges, with every table read in windows as if it were large."""

import uuid

import pytest

from autostore import AutoStore
from autostore.scans import batches, loads, windows
from tests.scans.place import RangedMemory


@pytest.fixture
def ranged():
    """A store on a third party's place that gives ranges."""
    AutoStore.register_backend("ranged", RangedMemory)
    RangedMemory.given = []
    try:
        with AutoStore(f"ranged://{uuid.uuid4().hex}") as store:
            yield store
    finally:
        AutoStore.unregister_backend("ranged")


@pytest.fixture
def in_windows(monkeypatch):
    """No table is small, and a window holds a few kilobytes."""
    monkeypatch.setattr(batches, "SMALL", 0)
    monkeypatch.setattr(loads, "SMALL", 0)
    monkeypatch.setattr(windows, "WINDOW", 4000)
