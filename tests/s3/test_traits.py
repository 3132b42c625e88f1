"""What a server checks is told by settings, documentation or a probe, never by its name; the page tells the truth."""

import re
from pathlib import Path

import pytest

from autostore import AutoStore, InvalidConfigError
from autostore.backends.cloud.boto3.endpoints import is_named
from autostore.s3 import S3StorageConfig
from tests.proxy import Proxy
from tests.s3.probe import ROWS, asked

PAGE = (Path(__file__).parents[2] / "docs" / "places.md").read_text()


def column(server):
    """What the page says of a server, row by row."""
    lines = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("|")]
    (head,) = [cells for cells in lines if len(cells) > 2 and cells[1].strip() == "AWS"]
    (place,) = [number for number, cell in enumerate(head) if cell.strip().lower().startswith(server)]
    told = {cells[0].strip(): cells[place].strip() for cells in lines if cells[0].strip() in ROWS}
    assert list(told) == list(ROWS)
    return told


@pytest.mark.parametrize("name", ["moto", "radosgw", "seaweedfs"])
def test_the_page_says_what_each_server_does(request, name):
    """Every row of docs/places.md is what a plain client meets."""
    client = request.getfixturevalue(f"{name}_s3").raw()
    found = asked(client)
    client.close()
    for row, told in column(name).items():
        assert re.match(re.escape(found[row]), told.replace("under its own header", "no")), row


@pytest.mark.parametrize("conditions", ["all", "put,delete,source", "some", "put", None])
def test_a_delete_is_looked_at_first_where_its_condition_is_not_checked(moto_s3, conditions):
    """The setting says whether it is; of a server that somebody named nothing else does, whatever its name."""
    with Proxy(moto_s3.endpoint) as proxy:
        endpoint = proxy.endpoint.replace("127.0.0.1", "localhost")
        config = moto_s3.config(endpoint_url=endpoint, conditions=conditions)
        with AutoStore(f"s3://{moto_s3.make_bucket()}/", config) as store:
            etag = store.write("x.json", 1).etag
            with proxy.counting() as counts:
                store._place.delete("x.json", if_etag=etag)
    checked = conditions not in ("some", "put", None)
    assert (counts["DELETE"], sum(counts.values())) == (1, 1 if checked else 2)


def test_where_no_condition_is_checked_none_is_taken(moto_s3):
    """`conditions="none"`: a change under a condition is refused before anything is sent, any other is made."""
    with AutoStore(f"s3://{moto_s3.make_bucket()}/", moto_s3.config(conditions="none")) as store:
        etag = store.write("x.json", 1).etag
        for refused in (
            lambda: store.write("x.json", 2, if_etag=etag),
            lambda: store.write("new.json", 2, if_absent=True),
            lambda: store.modify("x.json", lambda n: n + 1),
        ):
            with pytest.raises(InvalidConfigError, match="conditions='none'"):
                refused()
        store["x.json"] = 3
        assert dict(store.items()) == {"x": 3}


@pytest.mark.parametrize("odd", ["most", "put,versions", "All", "put;delete"])
def test_conditions_that_nobody_knows(odd):
    """A misspelt name is refused, with those that are known."""
    with pytest.raises(InvalidConfigError, match="target"):
        S3StorageConfig(conditions=odd)


@pytest.mark.parametrize(
    ("settings", "environment", "file", "named"),
    [
        ({}, {}, "", False),
        ({"endpoint_url": "https://s3.us-east-1.amazonaws.com"}, {}, "", True),
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "", True),
        ({}, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "", True),
        ({}, {"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"}, "", False),
        ({}, {}, "[default]\nendpoint_url = http://127.0.0.1:1\n", True),
        ({}, {}, "[default]\nservices = own\n[services own]\ns3 =\n  endpoint_url = http://127.0.0.1:1\n", True),
        ({}, {}, "[default]\nservices = own\n[services own]\nsqs =\n  endpoint_url = http://127.0.0.1:1\n", False),
        ({"profile_name": "b"}, {}, "[default]\nregion = x\n[profile b]\nendpoint_url = http://127.0.0.1:1\n", True),
    ],
)
def test_aws_is_where_nobody_named_a_server(tmp_path, monkeypatch, settings, environment, file, named):
    """Settings, environment and the AWS configuration may name one, which then may be any."""
    (tmp_path / "config").write_text(file)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    import botocore.session

    config = S3StorageConfig(region_name="us-east-1", **settings)
    session = botocore.session.get_session()
    if config.profile_name:
        session.set_config_variable("profile", config.profile_name)
    assert is_named(config, session) == named
