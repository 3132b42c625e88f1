"""Config: the same as the core's, and secrets that nobody sees."""

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import dagster as dg
import pytest
from dagster._core.snap import JobSnap

import autostore
from autostore import InvalidConfigError, StorageError
from autostore_dagster import (
    AutoStoreIOManager,
    AutoStoreResource,
    AzureStorageConfig,
    FsspecStorageConfig,
    LocalStorageConfig,
    S3StorageConfig,
    StorageBase,
    stamp,
)
from tests.security.test_secrets import URIS, shown

PAIRS = [
    (StorageBase, autostore.StorageConfig),
    (LocalStorageConfig, autostore.LocalFileConfig),
    (S3StorageConfig, autostore.S3StorageConfig),
    (AzureStorageConfig, autostore.AzureStorageConfig),
    (FsspecStorageConfig, autostore.FsspecConfig),
]
NO_CONFIGURATION = {"fs"}
"""An object that was made already."""
# What Dagster's configuration can say, where it cannot say what the core takes.
EXPRESSED = {
    str | Path | None: str | None,
    str | bytes | None: str | None,
    bool | str | None: str | None,
    bool | str: str | None,
    Mapping[str, Any]: dict[str, Any],
}
SECRET = "wJalr-the-secret"


def twins(core):
    """The core's fields that configuration can say."""
    return [field for field in dataclasses.fields(core) if field.name not in NO_CONFIGURATION]


@pytest.mark.parametrize(("config", "core"), PAIRS)
def test_parity(config, core):
    """Every field of the core has its twin, with its default, and no other exists."""
    assert list(config.model_fields) == [field.name for field in twins(core)]
    assert config().to_core() == core()
    assert all(field.description for field in config.model_fields.values())


@pytest.mark.parametrize(("config", "core"), PAIRS)
def test_types_and_secrets_are_the_core_s(config, core):
    """A field takes what its twin takes, as far as Dagster can say it, and hides what its twin hides."""
    hints = get_type_hints(core)
    for twin in twins(core):
        field = config.model_fields[twin.name]
        assert field.annotation == EXPRESSED.get(hints[twin.name], hints[twin.name]), twin.name
        assert field.repr == twin.repr, twin.name
        secret = (field.json_schema_extra or {}).get("dagster__is_secret", False)
        assert secret == (not twin.repr and field.annotation == str | None), twin.name


@pytest.mark.parametrize(("config", "core"), PAIRS)
def test_the_core_s_docstrings_describe_the_fields(config, core):
    """Dagster and the JSON schema show the whole of what the core's docstring says of a setting, and only that."""
    documentation = [" ".join((cls.__doc__ or "").split()) for cls in core.__mro__]
    shown = config.model_json_schema()["properties"]
    for name, field in config.model_fields.items():
        said = field.description.partition(" A run's configuration")[0]
        whole = re.compile(rf"(Attributes:|\.) (\w+, )*{name}(, \w+)*: {re.escape(said)}( \w+(, \w+)*: |$)")
        assert any(whole.search(text) for text in documentation), name
        assert shown[name]["description"] == field.description


@pytest.mark.parametrize(("config", "core"), PAIRS)
def test_every_field_arrives(config, core, tmp_path):
    """A value given to any field reaches the core's dataclass."""
    given = {"timeout": 3.5, "max_retries": 9, "cache_dir": str(tmp_path), "read_only": True, "pickle_key": SECRET}
    if core is autostore.S3StorageConfig:
        given |= {"upload_args": {"StorageClass": "GLACIER"}, "max_concurrency": 3, "addressing_style": "path"}
        given |= {"aws_access_key_id": "AKIA", "aws_secret_access_key": SECRET, "checksums": True}
    if core is autostore.AzureStorageConfig:
        given |= {"account_name": "a", "account_key": SECRET, "use_azure_cli": True, "max_concurrency": 3}
    if core is autostore.FsspecConfig:
        given |= {"options": {"username": "u", "password": SECRET}, "single_writer": True, "replaces": "rename"}
    assert config(**given).to_core() == core(**given)


@pytest.mark.parametrize(
    ("storage", "core"),
    [
        (S3StorageConfig(upload_args={"SSECustomerKey": dg.EnvVar("THE_SECRET")}), {"SSECustomerKey": SECRET}),
        (
            FsspecStorageConfig(options={"password": dg.EnvVar("THE_SECRET"), "a": {"b": 1}}),
            {"password": SECRET, "a": {"b": 1}},
        ),
    ],
)
def test_a_variable_inside_of_a_setting(storage, core, monkeypatch, instance):
    """An `EnvVar` among several values is read in the run; where it is not set, that is said."""
    seen = []

    @dg.asset
    def one(storage: dg.ResourceParam[object]) -> None:
        said = storage.to_core()
        seen.append(dict(said.upload_args if isinstance(storage, S3StorageConfig) else said.options))

    monkeypatch.setenv("THE_SECRET", SECRET)
    dg.materialize([one], resources={"storage": storage}, instance=instance)
    assert seen == [core]
    monkeypatch.delenv("THE_SECRET")
    failed = dg.materialize([one], resources={"storage": storage}, instance=instance, raise_on_error=False)
    assert "no variable 'THE_SECRET'" in str(failed.all_events)


@pytest.mark.parametrize(
    ("given", "core"),
    [(False, False), (True, True), ("false", False), ("True", True), ("/ca.pem", "/ca.pem"), (None, None)],
)
def test_verify_is_a_switch_or_a_file(given, core):
    """Dagster's configuration has no union, so `verify` is a text there; code may say False as well."""
    assert S3StorageConfig(verify=given).to_core().verify == core


def test_verify_may_be_false_in_a_run(instance):
    """False is given in code, and the text of it when a run is launched, as the description says."""
    seen = []

    @dg.asset
    def one(storage: dg.ResourceParam[object]) -> None:
        seen.append(storage.to_core().verify)

    launched = {"resources": {"storage": {"config": {"verify": "false"}}}}
    for storage, config in ((S3StorageConfig(verify=False), None), (S3StorageConfig.configure_at_launch(), launched)):
        dg.materialize([one], resources={"storage": storage}, run_config=config, instance=instance)
    assert seen == [False, False]
    assert '"false"' in S3StorageConfig.model_fields["verify"].description


def test_a_value_out_of_range_is_refused():
    """The core checks what Dagster cannot."""
    with pytest.raises(autostore.InvalidConfigError, match="multipart_chunksize"):
        S3StorageConfig(multipart_chunksize=5).to_core()


def test_secrets_do_not_show_in_reprs():
    """Neither the config nor what holds it prints a secret."""
    storage = S3StorageConfig(aws_access_key_id="AKIA", aws_secret_access_key=SECRET, pickle_key=SECRET)
    assert SECRET not in repr(storage)
    assert SECRET not in repr(AutoStoreIOManager(uri="s3://b/", storage=storage))


@pytest.mark.parametrize("literal", [True, False])
def test_secrets_reach_no_snapshot(literal, monkeypatch, instance, tmp_path):
    """A secret given literally, or by EnvVar, is in nothing that the UI or a run's record is made of."""
    monkeypatch.setenv("THE_SECRET", SECRET)
    storage = S3StorageConfig(
        aws_access_key_id="AKIA", aws_secret_access_key=SECRET if literal else dg.EnvVar("THE_SECRET")
    )

    @dg.asset
    def one(store: AutoStoreResource) -> int:
        return 1

    resources = {
        "io_manager": AutoStoreIOManager(
            uri=str(tmp_path), storage=storage, previous=AutoStoreResource(uri=str(tmp_path / "old"), storage=storage)
        ),
        "store": AutoStoreResource(uri=str(tmp_path), storage=storage),
    }
    defs = dg.Definitions([one], resources=resources, jobs=[dg.define_asset_job("all", "*")])
    job = defs.resolve_job_def("all")
    result = job.execute_in_process(instance=instance)
    shown = [dg.serialize_value(JobSnap.from_job_def(job)), json.dumps(result.dagster_run.run_config)]
    shown += [dg.serialize_value(event) for event in result.all_events]
    shown += [json.dumps(definition.config_schema.default_value) for definition in job.resource_defs.values()
              if definition.config_schema.default_provided]  # fmt: skip
    assert str(tmp_path) in "".join(shown)  # so this is the place where a secret would show
    assert SECRET not in "".join(shown)


@pytest.mark.parametrize("cls", [AutoStoreIOManager, AutoStoreResource])
def test_env_vars_arrive(cls, monkeypatch, tmp_path, instance):
    """EnvVar works for the uri and inside storage, for texts and whole numbers."""
    monkeypatch.setenv("PLACE", str(tmp_path / "from_env"))
    monkeypatch.setenv("RETRIES", "7")
    monkeypatch.setenv("KEY", SECRET)
    storage = LocalStorageConfig(max_retries=dg.EnvVar.int("RETRIES"), pickle_key=dg.EnvVar("KEY"))
    held = cls(uri=dg.EnvVar("PLACE"), storage=storage)

    @dg.asset
    def one(thing: dg.ResourceParam[object]) -> int:
        core = thing.storage.to_core()
        assert (core.max_retries, core.pickle_key) == (7, SECRET)
        assert thing.uri == str(tmp_path / "from_env")
        return 1

    dg.materialize([one], resources={"thing": held, "io_manager": dg.mem_io_manager}, instance=instance)


def test_every_text_may_be_a_variable(monkeypatch):
    """Any text of the settings is taken as an EnvVar; credentials in the endpoint that it names are refused."""
    texts = [name for name, field in S3StorageConfig.model_fields.items() if field.annotation == str | None]
    settings = S3StorageConfig(**{name: dg.EnvVar("NAMED") for name in texts})
    assert "endpoint_url" in texts
    monkeypatch.setenv("NAMED", "http://host:9000")
    with settings.process_config_and_initialize_cm() as resolved:
        assert resolved.endpoint_url == resolved.profile_name == "http://host:9000"
    monkeypatch.setenv("NAMED", "http://user:canary@host")
    with pytest.raises(autostore.InvalidConfigError) as error, settings.process_config_and_initialize_cm():
        pass
    assert "canary" not in str(error.value)


def test_a_missing_variable_is_named(monkeypatch, instance):
    """Dagster says which variable is missing."""
    monkeypatch.delenv("NOWHERE", raising=False)

    @dg.asset
    def one() -> int:
        return 1

    with pytest.raises(dg.DagsterInvalidConfigError, match="NOWHERE"):
        dg.materialize([one], resources={"io_manager": AutoStoreIOManager(uri=dg.EnvVar("NOWHERE"))}, instance=instance)


def test_configure_at_launch(tmp_path, instance):
    """The place may be named when the run is launched."""

    @dg.asset
    def one() -> int:
        return 1

    dg.materialize(
        [one],
        resources={"io_manager": AutoStoreIOManager.configure_at_launch()},
        run_config={"resources": {"io_manager": {"config": {"uri": str(tmp_path)}}}},
        instance=instance,
    )
    assert autostore.AutoStore(str(tmp_path))["one"] == 1


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("cls", [AutoStoreIOManager, AutoStoreResource, partial(stamp, [])])
def test_a_uri_that_holds_credentials_is_refused_when_the_resource_is_made(cls, uri):
    """Not at the first run: by then its repr and the code location's snapshot would have shown it."""
    # Mutation that this was seen to catch: Quiet.__init__ does not look at the URI.
    with pytest.raises(StorageError) as caught:
        cls(uri=uri)
    assert "canary" not in shown(caught.value)


@pytest.mark.parametrize("endpoint", ["http://u:canary@h", "u:canary@h", "http://h/?secret=canary", "http://h#canary"])
def test_an_endpoint_that_holds_credentials_is_refused_when_the_settings_are_made(endpoint):
    """The core's own error, and neither Pydantic's nor Dagster's words around it."""
    # Mutation that this was seen to catch: Quiet.__init__ does not look at the endpoint.
    with pytest.raises(StorageError, match="aws_access_key_id") as caught:
        AutoStoreIOManager(uri="s3://bucket/", storage=S3StorageConfig(endpoint_url=endpoint))
    assert "canary" not in shown(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: S3StorageConfig(aws_secret_access_key=["canary"]),
        lambda: S3StorageConfig(aws_session_token={"canary": 1}),
        lambda: S3StorageConfig(upload_args="canary"),
        lambda: S3StorageConfig(pickle_key=b"canary\xff"),
        lambda: S3StorageConfig(timeout="canary"),
        lambda: AutoStoreIOManager(uri={"s3": "canary"}),
        lambda: AutoStoreIOManager(uri="x", storage="canary"),
        lambda: AutoStoreResource(uri="x", storage=["canary"]),
    ],
)
def test_a_wrong_type_is_not_quoted(make):
    """Pydantic's message names the field and what it wants, never the value: one may be put beside its place."""
    # Mutation that this was seen to catch: hide_input_in_errors=False.
    with pytest.raises(ValueError, match=r"validation error|not match") as caught:
        make()
    assert "canary" not in f"{caught.value!s} {caught.value!r}"


@pytest.mark.parametrize(
    ("cls", "call"),
    [
        (AutoStoreIOManager, "AutoStoreIOManager(uri=...)"),
        (AutoStoreResource, "AutoStoreResource(uri=...)"),
        (S3StorageConfig, "S3StorageConfig(timeout=...)"),
    ],
)
def test_settings_are_given_by_name(cls, call):
    """A place without `uri=` is refused with how it is written, and not quoted."""
    with pytest.raises(InvalidConfigError, match=re.escape(f"by name. Write {call}")) as caught:
        cls("canary")
    assert "canary" not in str(caught.value)


def test_an_environment_variable_is_resolved_later():
    """The name of a variable is no address; what it holds is refused, unquoted, when the store is opened."""
    manager = AutoStoreIOManager(uri=dg.EnvVar("WHERE_MY_STORE_IS"))
    assert "WHERE_MY_STORE_IS" in repr(manager)
