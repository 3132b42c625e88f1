"""What a store remembers of a key never hides what was written since: where two files answer for a while."""

import uuid

import pytest

from autostore import AutoStore


@pytest.fixture(params=["folder", "memory"])
def opened(request, tmp_path):
    place = str(tmp_path) if request.param == "folder" else f"memory://{uuid.uuid4().hex}"
    stores = [AutoStore(place) for _ in range(3)]
    yield stores
    for store in stores:
        store.close()


def test_one_s_own_swap_beside_what_a_dead_writer_left(opened, monkeypatch):
    """Who read the old file, and then swaps the new one, reads what it wrote."""
    store, other, third = opened
    store["k"] = {"old": 1}
    assert store["k"] == third["k"] == {"old": 1}
    monkeypatch.setattr(other._backend, "retire", lambda path, **_: None)  # it dies before it removes
    other["k"] = "new"
    store.write("k", "mine", if_etag=store.get_metadata("k").etag)
    assert store["k"] == third["k"] == "mine"


def test_a_file_that_is_swapped_while_another_format_is_written(opened, monkeypatch):
    """The swap's file is the older one, and goes: nobody who remembers it reads it for another minute."""
    store, other, third = opened
    store["k"] = {"old": 1}
    etag, retire, swaps = store.get_metadata("k").etag, other._backend.retire, []

    def swapped_before(path, **conditions):
        if not swaps:
            swaps.append(store._backend.upload)
            with store._backend.scratch_file() as file:
                file.write_text('{"old": 2}')
                mark = store._backend.get_metadata(path).mark.renewed("k")
                store._backend.upload(file, path, mark=mark, if_etag=etag)
        retire(path, **conditions)

    assert store["k"] == third["k"] == {"old": 1}
    monkeypatch.setattr(other._backend, "retire", swapped_before)
    other["k"] = "new"
    assert store["k"] == third["k"] == "new"
    assert [entry.path for entry in store.entries()] == ["k.txt"]
