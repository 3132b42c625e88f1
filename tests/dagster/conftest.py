"""The rig: runs of real Dagster jobs, whose values are read back from the store, never from the run's memory."""

import gc
import warnings

import pytest

from autostore import AutoStore
from tests.servers import ACCESS_KEY, SECRET_KEY

dg = pytest.importorskip("dagster")
from autostore_dagster import AutoStoreIOManager, S3StorageConfig  # noqa: E402 - which needs it

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class Rig:
    """One place and one Dagster instance; every load opens the store anew."""

    def __init__(self, uri, instance, *, storage=None, manager=None):
        self.uri, self.instance, self.storage = uri, instance, storage
        self.manager = manager or self.manage()

    def manage(self, **options):
        """An IO manager on this place."""
        return AutoStoreIOManager(uri=self.uri, storage=self.storage, retry_wait=0, **options)

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
        return AutoStore(self.uri, self.storage.to_core() if self.storage else None)

    def stored(self):
        """Every key that is stored."""
        return sorted(self.store().keys())

    def metadata(self, result, node):
        """The metadata of an asset's materializations, by partition."""
        events = result.asset_materializations_for_node(node)
        return {event.partition: {name: _plain(value) for name, value in event.metadata.items()} for event in events}


def forget_connections():
    """Collect the connections that dagster-aws leaves open, so that no other test is blamed for them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _plain(value):
    return value.records if isinstance(value, dg.TableMetadataValue) else value.value


@pytest.fixture
def instance():
    """A Dagster instance that is gone with the test."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def local_rig(tmp_path, instance):
    """A rig on a fresh folder."""
    return Rig(str(tmp_path / "store"), instance)


@pytest.fixture(params=["local", "s3"])
def rig(request, tmp_path, instance):
    """A rig on a fresh folder, and one on a fresh bucket."""
    if request.param == "local":
        return Rig(str(tmp_path / "store"), instance)
    server, name = request.getfixturevalue("bucket")
    return Rig(f"s3://{name}/some/prefix/", instance, storage=S3StorageConfig(endpoint_url=server.endpoint))


@pytest.fixture
def bucket(moto_s3, monkeypatch):
    """A server and a fresh bucket on it, whose credentials botocore finds in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return moto_s3, moto_s3.make_bucket()
