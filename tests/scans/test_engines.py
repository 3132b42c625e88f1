"""Other engines read our files with what the store hands them: a URL, and how to reach the place."""

import urllib.request

import pytest

from autostore import AutoStore, InvalidConfigError, UnsupportedFormatError
from tests.optional import pl

FRAME = pl.DataFrame({"x": [1, 2, 3]})


@pytest.fixture
def served(radosgw_s3):
    """A table on a server that checks secrets."""
    with AutoStore(f"s3://{radosgw_s3.make_bucket()}/data/", radosgw_s3.config()) as store:
        store["f/day=1/t"] = FRAME
        yield store


def test_polars(served):
    """Polars' own scan takes the URL and the options."""
    found = pl.scan_parquet(served.url("f/day=1/t"), storage_options=served.storage_options("polars")).collect()
    assert found.drop("day", strict=False).equals(FRAME)
    below = served.url("f/") + "**/*.parquet"
    assert pl.scan_parquet(below, storage_options=served.storage_options("polars")).collect().height == 3


def test_pyarrow(served):
    """Pyarrow's file system takes the options, and the URL without its scheme."""
    fs = pytest.importorskip("pyarrow.fs").S3FileSystem(**served.storage_options("pyarrow"))
    path = served.url("f/day=1/t").removeprefix("s3://")
    table = pytest.importorskip("pyarrow.parquet").read_table(path, filesystem=fs)
    assert table.column("x").to_pylist() == [1, 2, 3]


def test_duckdb(served):
    """DuckDB's secret takes the options; its extension for S3 must be installed."""
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    try:
        connection.execute("LOAD httpfs")
    except duckdb.Error as error:
        pytest.skip(f"DuckDB has no httpfs here: {type(error).__name__}")
    options = ", ".join(f"{name} {value!r}" for name, value in served.storage_options("duckdb").items())
    connection.execute(f"CREATE SECRET ({options})")
    assert connection.execute(f"SELECT sum(x) FROM '{served.url('f/day=1/t')}'").fetchone() == (6,)


def test_delta(served):
    """Delta writes its tables beside our files; which of its files count only its log says, so a scan refuses them."""
    deltalake = pytest.importorskip("deltalake")
    options = served.storage_options("delta")
    deltalake.write_deltalake(served.url("delta/"), FRAME.to_arrow(), storage_options=options)
    assert deltalake.DeltaTable(served.url("delta/"), storage_options=options).to_pyarrow_table().num_rows == 3
    with pytest.raises(UnsupportedFormatError, match=r"Delta Lake.*polars\.scan_delta"):
        served.scan("delta/")


def test_fsspec(served):
    """s3fs takes the options."""
    fs = pytest.importorskip("s3fs").S3FileSystem(**served.storage_options("fsspec"))
    with fs.open(served.url("f/day=1/t")) as stream:
        assert pl.read_parquet(stream).equals(FRAME)


def test_a_presigned_url(served, s3_server):
    """Whoever has a presigned URL reads the object, with no credentials; nobody reads the plain one."""
    url = served.url("f/day=1/t", expires=60)
    assert "testsecret" not in url
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read()[:4] == b"PAR1"


def test_a_local_store(local_store, folder):
    """A local store's URLs are those of its files, which need no options and cannot be signed."""
    local_store["t"] = FRAME
    assert local_store.url("t") == f"file://{folder}/t.parquet"
    assert local_store.storage_options("polars") == {}
    assert pl.read_parquet(local_store.url("t")).equals(FRAME)
    with pytest.raises(InvalidConfigError, match="signs no URLs"):
        local_store.url("t", expires=1)


def test_an_engine_that_is_none(served):
    """An unknown engine is refused with those that are known."""
    with pytest.raises(InvalidConfigError, match=r"'spark'.*polars"):
        served.storage_options("spark")


def test_settings_come_along(radosgw_s3):
    """Anonymous access, virtual addressing and https are told to every engine."""
    config = radosgw_s3.config(
        aws_access_key_id=None, aws_secret_access_key=None, anonymous=True, endpoint_url="https://127.0.0.1:9",
        addressing_style="virtual", verify="ca.pem",
    )  # fmt: skip
    with AutoStore("s3://bucket/", config) as store:
        assert store.storage_options("polars")["aws_skip_signature"] == "true"
        assert "aws_allow_http" not in store.storage_options("polars")
        assert store.storage_options("fsspec")["client_kwargs"]["verify"] == "ca.pem"
        assert store.storage_options("pyarrow")["tls_ca_file_path"] == "ca.pem"
        assert store.storage_options("duckdb")["endpoint"] == "127.0.0.1:9"
