"""The rig: runs of real Dagster jobs, whose values are read back from the store, never from the run's memory."""

import uuid

import dagster as dg
import pytest

from autostore import AutoStore
from autostore_dagster import AutoStoreIOManager

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class Rig:
    """One store and one Dagster instance; every load opens the store anew."""

    def __init__(self, uri, instance, manager=None):
        self.uri, self.instance = uri, instance
        self.manager = manager or AutoStoreIOManager(uri=uri, retry_wait=0)

    def run(self, *assets, select=None, partition=None, between=None, expect=True, **more):
        """Materialize; the result says nothing of the values."""
        tags = dict(zip(RANGE, between, strict=True)) if between else None
        result = dg.materialize(
            list(assets),
            selection=select,
            partition_key=partition,
            tags=tags,
            instance=self.instance,
            resources={"io_manager": self.manager, **more},
            raise_on_error=False,
        )
        assert result.success is expect, [event.message for event in result.all_events if event.is_failure]
        return result

    def load(self, asset, as_type=None, *, partition=None, between=None, metadata=None):
        """What `load_asset_value` gives, through a manager that has never seen the run."""
        defs = dg.Definitions(assets=[asset], resources={"io_manager": self.manager})
        with defs.get_asset_value_loader(self.instance) as loader:
            return loader.load_asset_value(
                asset.key,
                python_type=as_type,
                partition_key=partition,
                partition_key_range=dg.PartitionKeyRange(*between) if between else None,
                input_definition_metadata=metadata,
            )

    def store(self):
        """The plain store below the manager."""
        return AutoStore(self.uri)

    def keys(self):
        """Every key that is stored."""
        return sorted(self.store().keys())

    def metadata(self, result, node):
        """The metadata of an asset's materializations, by partition."""
        events = result.asset_materializations_for_node(node)
        return {event.partition: {name: _plain(value) for name, value in event.metadata.items()} for event in events}


def _plain(value):
    return value.records if isinstance(value, dg.TableMetadataValue) else value.value


@pytest.fixture
def instance():
    """A Dagster instance that is gone with the test."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def rig(tmp_path, instance):
    """A rig on a fresh folder."""
    return Rig(str(tmp_path / "store"), instance)


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server in this process; its endpoint."""
    moto_server = pytest.importorskip("moto.server")
    server = moto_server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A fresh bucket, as (endpoint, name)."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    client = boto3.client("s3", endpoint_url=s3_server)
    client.create_bucket(Bucket=name)
    client.close()
    return s3_server, name
