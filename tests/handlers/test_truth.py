"""The value property: what data libraries hand out is read as it was, by anybody, or refused before anything changes.

Written in this process and read in one that has imported nothing of it, in a folder, on S3 and in memory, with pickles
allowed and not. `AUTOSTORE_SOAK=1` does a million examples, in parts that can run alone (`make soak ARGS="-k part_3"`).
"""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from autostore import AutoStore, StorageConfig
from autostore.errors import UnsupportedFormatError, UntrustedDataError
from autostore.testing import same
from tests.handlers.exact import digest
from tests.handlers.libraries import everything
from tests.handlers.reading import OtherProcess, open_with_other_tools
from tests.reliability.scale import measured, scaled

EXAMPLES = {"local": scaled(250, 50_000), "memory": scaled(250, 50_000), "moto": scaled(80, 50_000)}
"""How many values a part has."""
PARTS = {"local": scaled(1, 12), "memory": scaled(1, 6), "moto": scaled(1, 2)}
ROUND = 5_000
"""Hypothesis remembers all that it tried in a run, and grows slow: so many examples a run."""
ONCE_IN = 15
"""At most one value of so many may be refused: those that no plain format here holds, each with its reason."""

_thorough = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def other() -> Iterator[OtherProcess]:
    with OtherProcess() as reader:
        yield reader


class Place:
    """Two stores in one place: one that takes pickles, and one that does not."""

    def __init__(self, name: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self.uri, self.s3 = str(folder / "store"), None
        config = StorageConfig()
        if name == "memory":
            self.uri = f"memory://{uuid.uuid4().hex}"
        elif name == "moto":
            server = request.getfixturevalue("moto_s3")
            self.uri = f"s3://{server.make_bucket()}/truth/"
            config = server.config()
            self.s3 = {
                name: getattr(config, name)
                for name in ("endpoint_url", "aws_access_key_id", "aws_secret_access_key", "region_name")
            }
        self.stores = {trusting: AutoStore(self.uri, _with(config, trusting)) for trusting in (True, False)}
        self.folder = folder


def _with(config: Any, trusting: bool) -> Any:
    import dataclasses

    return dataclasses.replace(config, allow_pickle=trusting)


def check(place: Place, value: Any, other: OtherProcess, *, trusting: bool) -> str:
    """One example; the extension that it got, or "refused"."""
    store, key = place.stores[trusting], f"k{next(_numbers)}"
    try:
        path = store.write(key, value).path
    except (UnsupportedFormatError, UntrustedDataError):
        assert key not in store
        return "refused"
    try:
        back = store[key]
        assert same(back, value)
        expected = digest(value)
        assert digest(back) == expected
        if not place.uri.startswith("memory:"):
            assert other.digest(place.uri, key, trusting=trusting, s3=place.s3) == expected
        extension = path[len(key) :]
        if extension != ".pkl":
            file = place.folder / f"copy{extension}"
            file.write_bytes(store.read(path, as_type=bytes))
            open_with_other_tools(file)
        return extension
    finally:
        del store[key]


@pytest.mark.parametrize(
    ("name", "part"),
    [pytest.param(name, part, id=f"{name}-part_{part}") for name in PARTS for part in range(1, PARTS[name] + 1)],
)
@pytest.mark.timeout(scaled(300, 86_400))
def test_what_libraries_hand_out_is_plain_and_comes_back(
    name: str, part: int, tmp_path: Path, other: OtherProcess, request: pytest.FixtureRequest
) -> None:
    """Equal by `same` and by an independent description; not one value of the strategy needs a pickle."""
    # Faults that this found: levels of objects came back as texts, and the fill value of masked arrays as another type.
    place, seen = Place(name, tmp_path, request), Counter[str]()

    @settings(_thorough, max_examples=min(EXAMPLES[name], ROUND))
    @given(value=everything)
    def run(value: Any) -> None:
        found = check(place, value, other, trusting=bool(next(_numbers) % 4 < 2))
        seen[found] += 1

    with measured(f"values of data libraries, {name}, part {part} of {PARTS[name]}") as facts:
        for _ in range(-(-EXAMPLES[name] // ROUND)):
            run()
        facts.update({"values": sum(seen.values()), "refused": seen["refused"], "pickled": seen[".pkl"]})
    assert seen["refused"] + seen[".pkl"] <= max(2, sum(seen.values()) / ONCE_IN), seen
    assert len(seen) > 5, seen
