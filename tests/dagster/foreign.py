"""A plugin for pytest: runs the tests of other projects' IO managers with `AutoStoreIOManager` in the place of theirs.

An environment of its own, as dagster-polars does not work with Polars 2, nor pytest-cases with pytest 9. Of Dagster
and dagster-aws the source distributions have the tests, of dagster-polars a checkout of community-integrations:

    python -m venv foreign
    foreign/bin/pip install -e '.[s3,fast,dagster]' 'dagster-polars[deltalake]' 'polars<2' dagster-aws s3fs \
      'moto[server]' hypothesis pytest-cases 'pytest<9'
    foreign/bin/pip download --no-deps --no-binary :all: dagster dagster-aws  # and unpack both
    foreign/bin/python -m pytest -p tests.dagster.foreign -rx dagster_polars_tests/test_upath_io_managers.py
    foreign/bin/python -m pytest -p tests.dagster.foreign -rx dagster_aws_tests/s3_tests/test_io_manager.py
    foreign/bin/python -m pytest -p tests.dagster.foreign -rx --noconftest dagster_tests/.../test_fs_io_manager.py

Their files stay as they are. Whatever manager of files a test makes, and the one that keeps values in memory, ours does
what it is asked to, in the same folder or bucket; not in processes that a test starts. A test that asks what is theirs
alone stands in `THEIRS` and must fail; any other failure is a fault of ours.
"""

import tempfile
from urllib.parse import unquote, urlsplit

import dagster as dg
import pytest
from dagster._core.storage.mem_io_manager import InMemoryIOManager

from autostore_dagster import AutoStoreIOManager, S3StorageConfig

THEIRS = {
    "it looks for files of their names and formats": {
        "test_fs_io_manager",
        "test_fs_io_manager_base_dir",
        "test_fs_io_manager_escapes_path_operators_in_partition_keys",
        "test_fs_io_manager_handles_assets",
        "test_fs_io_manager_none_value_no_metadata",
        "test_fs_io_manager_partitioned",
        "test_fs_io_manager_partitioned_graph_backed_asset",
        "test_backcompat_multipartitions_fs_io_manager",
        "test_io_manager_def",
        "test_pythonic_fs_io_manager",
        "test_pythonic_fs_io_manager_runtime_config",
        "test_s3_pickle_io_manager_asset_execution",
        "test_s3_pickle_io_manager_dynamic_output",
        "test_upath_io_manager_with_json",
        "test_upath_io_manager_with_non_any_type_annotation",
        "test_polars_upath_io_manager_nested_dtypes[PolarsDeltaIOManager-frame1]",
    },
    "it asks what its own subclass does": {
        "test_upath_io_manager_absolute_partition_key_lands_under_base",
        "test_upath_io_manager_base_class_passes_dot_segments_through",
        "test_upath_io_manager_custom_metadata",
        "test_upath_io_manager_static_partitions_with_dot",
        "test_upath_io_manager_with_extension_static_partitions_with_dot",
    },
    "its manager returns paths of what nobody wrote, and for a number too": {
        "test_partitioned_io_manager_preserves_single_partition_dependency",
        "test_skip_type_check_for_multiple_partitions_with_any_type",
        "test_skip_type_check_for_multiple_partitions_with_no_type_annotation",
        "test_upath_io_manager_load_multiple_inputs",
        "test_upath_io_manager_multiple_static_partitions",
        "test_upath_io_manager_multiple_time_partitions",
    },
    "ours refuses it too, with another class of error": {
        "test_fs_io_manager_unpicklable",
        "test_upath_io_manager_async_fail_on_missing_partitions",
    },
    "an input that may have many partitions is {} where there are none, not None": {
        "test_fs_io_manager_partitioned_no_partitions",
    },
    "what was never stored is an error under Optional too, not None": {
        "test_polars_upath_io_manager_input_dict_eager_missing",
        "test_polars_upath_io_manager_input_optional_eager_return_none",
        "test_polars_upath_io_manager_input_optional_lazy_return_none",
    },
}

MADE = {}
REACHED = set()


def place(theirs):
    """The URI where one of their managers keeps its files, and the settings of that place in fsspec's words."""
    if isinstance(theirs, InMemoryIOManager):
        return theirs.values.setdefault("folder", tempfile.TemporaryDirectory()).name, {}
    base = theirs._base_path
    if bucket := getattr(theirs, "bucket", None):
        return f"s3://{bucket}/{base}", {}
    return str(base), getattr(base, "storage_options", {})


def ours(theirs):
    """Our manager at the place of theirs, the same for all that a test does there."""
    uri, options = place(theirs)
    if uri not in MADE:
        storage = None
        if uri.startswith("s3:"):
            keys = {"aws_access_key_id": options.get("key"), "aws_secret_access_key": options.get("secret")}
            storage = S3StorageConfig(**keys, **options.get("client_kwargs", {}))
        MADE[uri] = AutoStoreIOManager(uri=uri, storage=storage)
    return MADE[uri]


def write(theirs, context, value):
    """What `handle_output` does in a test; the URI of a local file is also said as a path, as theirs say it."""
    ours(theirs).handle_output(context, value)
    uri = context.get_logged_metadata().get("uri")
    if uri and uri.value.startswith("file:"):
        context.add_output_metadata({"path": dg.MetadataValue.path(unquote(urlsplit(uri.value).path))})


def read(theirs, context):
    """What `load_input` does in a test."""
    return ours(theirs).load_input(context)


def pytest_configure():
    """Put ours in the place of theirs."""
    for their in (dg.UPathIOManager, InMemoryIOManager):
        their.handle_output, their.load_input = write, read


def pytest_collection_modifyitems(items):
    """Expect that what is theirs alone fails."""
    for item in items:
        for reason, names in THEIRS.items():
            if {item.name, item.originalname} & names:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def pytest_runtest_teardown(item):
    """Close the stores of a test."""
    if MADE:
        REACHED.add(item.nodeid)
    for manager in MADE.values():
        manager.teardown_after_execution(dg.build_init_resource_context())
    MADE.clear()


def pytest_terminal_summary(terminalreporter):
    """Say how many of the tests that passed called ours at all."""
    passed = [report.nodeid for report in terminalreporter.stats.get("passed", ())]
    terminalreporter.write_line(f"{len(REACHED.intersection(passed))} of {len(passed)} that passed used ours")
