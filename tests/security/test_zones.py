"""Time zones of dateutil, which opens whatever file it is given the path of."""

import datetime as dt
import json
from pathlib import Path

import pytest

from autostore import AutoStore, CorruptDataError, LocalFileConfig, PickledWarning, UntrustedDataError
from tests.optional import optional, pd

tz = optional("dateutil.tz")
WALL = "2024-07-01T10:00:00"


def laid(folder, value):
    (folder / "k.typed.json").write_text(json.dumps({"$autostore": 1, "value": value}))
    return AutoStore(folder)


@pytest.fixture
def opened(monkeypatch):
    """The files that dateutil opened."""
    seen = []
    tz.gettz.cache_clear()
    plain = tz.tz.tzfile.__init__

    def told(self, fileobj, filename=None):
        seen.append(fileobj)
        plain(self, fileobj, filename)

    monkeypatch.setattr(tz.tz.tzfile, "__init__", told)
    yield seen
    tz.gettz.cache_clear()


@pytest.mark.parametrize("below", ["/", "../../../../../../../../../../"])
def test_a_zone_names_no_file(tmp_path, opened, below):
    """Neither by its path nor from the folder of zones, in a moment or a dtype of pandas."""
    # Mutation that this was seen to catch: is_key is always true.
    file = below + str(tmp_path / "outside").lstrip("/")
    (tmp_path / "outside").write_bytes(b"TZif" + bytes(40))
    values = [{"$datetime": {"at": f"{WALL}+00:00", "library": f"dateutil:{file}"}}]
    values += [{"$pandas": ["Timestamp", {"at": f"{WALL}+00:00", "library": f"dateutil:{file}"}, "ns"]}]
    names = [f"datetime64[ns, dateutil/{file}]", f"interval[datetime64[ns, dateutil/{file}]]"]
    values += [{"$made": ["pandas.dtype", [name]]} for name in names]
    assert pd.NaT is not None
    for value in values:
        with pytest.raises(CorruptDataError):
            laid(tmp_path, value)["k"]
    assert opened == []


def test_what_each_machine_calls_local_is_no_zone(tmp_path):
    """It was stored by the path of its file, and was the local time of whoever read it: another moment."""
    careful = AutoStore(tmp_path, LocalFileConfig(allow_pickle=False))
    zone = tz.gettz("Asia/Tokyo")
    (tmp_path / "zone").write_bytes(Path(zone._filename).read_bytes())
    moment = dt.datetime(2024, 7, 1, 10, tzinfo=tz.tzfile(str(tmp_path / "zone")))
    with pytest.raises(UntrustedDataError, match="Use zoneinfo's"):
        careful["k"] = moment
    store = AutoStore(tmp_path)
    with pytest.warns(PickledWarning):
        store["k"] = moment
    assert store["k"] == moment
    careful["named"] = moment.replace(tzinfo=zone)
    assert careful["named"] == moment.replace(tzinfo=zone)


def test_local_time_that_was_stored_is_read_where_it_is_the_same(tmp_path):
    """Of older versions; elsewhere it is an error."""
    zone = tz.gettz("/etc/localtime")
    if zone is None:
        pytest.skip("this machine has no /etc/localtime")
    moment = dt.datetime(2024, 7, 1, 10, tzinfo=zone)
    right = {"$datetime": {"at": moment.isoformat(), "library": "dateutil:/etc/localtime"}}
    assert laid(tmp_path, right)["k"] == moment
    wrong = WALL + ("+05:30" if not moment.isoformat().endswith("+05:30") else "+00:00")
    with pytest.raises(CorruptDataError, match="another machine"):
        laid(tmp_path, {"$datetime": {"at": wrong, "library": "dateutil:/etc/localtime"}})["k"]
