"""Components in a project as `dg` lays it out: scaffolded, checked and listed by the real command, then run."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster.components.testing.utils import component_defs

from autostore import AutoStore, FsspecConfig, InvalidConfigError, StorageFileNotFoundError
from autostore_dagster import AutoStoreIOManager, AzureStorageConfig, FsspecStorageConfig, S3StorageConfig
from autostore_dagster.components import AutoStoreComponent, StoredFilesComponent
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
NAMES = {f"autostore_dagster.components.{name}" for name in ("AutoStoreComponent", "StoredFilesComponent")}

DEFINITIONS = """
from pathlib import Path
import dagster as dg

@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
ASSETS = """
import dagster as dg
import polars as pl

@dg.asset(ins={"orders": dg.AssetIn(["sales", "orders"]), "days": dg.AssetIn(["sales", "days"])})
def revenue(orders: pl.DataFrame, days: dict[str, pl.DataFrame]) -> dict:
    return {"price": orders["price"].sum(), "days": list(days)}
"""
GIVEN = """
type: autostore_dagster.components.StoredFilesComponent
attributes: {uri: nowhere, files: [{match: sales/orders}, {match: sales/days}]}
---
type: autostore_dagster.components.AutoStoreComponent
attributes:
  {uri: branch, base: data, io_manager_key: b, resource_key: bs, jobs: [promote, move_in], prune_schedule: "0 3 * * *"}
"""
LANDING = """
type: autostore_dagster.components.StoredFilesComponent
attributes:
  uri: "{{ env.LANDING }}"
  observe_schedule: "0 * * * *"
  files:
    - match: sales/orders
      attributes: {group_name: landing, owners: [team:sales]}
    - match: "*/d?ys"
      attributes:
        partitions_def: {type: static, partition_keys: [mon, tue]}
---
type: autostore_dagster.components.AutoStoreComponent
attributes:
  uri: {env: BRANCH}
  storage: {history: true, max_retries: {env: TRIES}, timeout: "{{ env.TIMEOUT }}"}
  base: data
  io_manager_key: branch
  resource_key: branch_store
  jobs: [promote]
  prune_schedule: "0 3 * * *"
"""

# The command as a process of its own; one for all its words, as half a second of each second is its imports.
COMMAND = """
import json, sys
from dagster_dg_cli.cli import cli
for words in json.loads(sys.argv[1]):
    print("$", *words, flush=True)
    cli(words, standalone_mode=False)
"""


def said_by_dg(folder, *lines):
    """What `dg` prints in this folder, for each line of words."""
    words = json.dumps([line.split() for line in lines])
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "PYTHONPATH": f"{ROOT}:{folder}",
        "DAGSTER_HOME": str(folder),
        "HOME": str(folder),
    }
    command = [sys.executable, "-c", COMMAND, words]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split("$ ")[1:]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose only code is an asset, and what `dg` said of it."""
    folder = tmp_path_factory.mktemp("project")
    package = folder / "flights_project"
    (package / "defs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "flights_project"\nversion = "0.1"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "flights_project"\n'
    )
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    for name, text in {"__init__": "", "definitions": DEFINITIONS, "defs/__init__": "", "defs/assets": ASSETS}.items():
        (package / f"{name}.py").write_text(text)
    given = package / "defs" / "given"
    given.mkdir()
    (given / "defs.yaml").write_text(GIVEN)
    lines = [
        "list components --json",
        *(f"scaffold defs {name} {name.rpartition('.')[2].lower()}" for name in sorted(NAMES)),
        "check yaml",
        "check defs",
        f"check toml --target-path {ROOT}",
    ]
    return folder, said_by_dg(folder, *lines)


@pytest.mark.timeout(200)
def test_dg_lists_scaffolds_and_checks(project):
    """`dg` finds both components by their entry point, scaffolds each, and finds the project sound."""
    folder, (listed, *_, yaml, defs, example) = project
    items = json.loads(listed.partition("\n")[2])["items"]
    assert {item["key"] for item in items} >= NAMES
    scaffolded = folder / "flights_project" / "defs" / "autostorecomponent" / "defs.yaml"
    assert scaffolded.read_text().startswith("type: autostore_dagster.components.AutoStoreComponent")
    assert "YAML validated" in yaml
    assert "definitions loaded successfully" in defs
    assert "All TOML configuration files are valid" in example


@pytest.fixture
def loaded(project, tmp_path, monkeypatch):
    """The definitions of the project, once somebody laid files down, and with a branch."""
    folder, _ = project
    drop = tmp_path / "drop" / "sales"
    drop.mkdir(parents=True)
    pl.DataFrame({"id": [1, 2], "price": [1.5, 2.5]}).write_parquet(drop / "orders.parquet")
    for day in ("mon", "tue"):
        (drop / "days" / f"partition={day}").mkdir(parents=True)
        pl.DataFrame({"n": [1]}).write_csv(drop / "days" / f"partition={day}" / "data.csv")
    variables = {"LANDING": tmp_path / "drop", "BRANCH": tmp_path / "branch", "TRIES": "2", "TIMEOUT": "5.5"}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.syspath_prepend(str(folder))
    (folder / "flights_project" / "defs" / "given" / "defs.yaml").write_text(LANDING)
    return dg.load_from_defs_folder(path_within_project=folder / "flights_project"), drop


def test_a_variable_that_is_not_set(project, monkeypatch):
    """A template of a variable that nobody set is a sentence, not a type error of ours."""
    folder, _ = project
    monkeypatch.syspath_prepend(str(folder))
    given = folder / "flights_project" / "defs" / "given" / "defs.yaml"
    given.write_text(GIVEN.replace("uri: branch", "uri: '{{ env.SET_BY_NOBODY }}'"))
    with pytest.raises(Exception, match="AutoStoreComponent") as error:  # Dagster's own, which quotes its cause
        dg.load_from_defs_folder(path_within_project=folder / "flights_project")
    cause = error.value.__cause__
    assert isinstance(cause, InvalidConfigError), cause
    assert "Set the variable" in str(cause)


def observed(defs, instance, *keys):
    """One run over these external assets, and its observations."""
    job = defs.resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(key) for key in keys])
    return [event.asset_observation_data.asset_observation for event in run.get_asset_observation_events()]


def test_files_of_others(loaded, instance):
    """Files are external assets with their columns, are read by consumers, and observed with rows, size and version."""
    defs, drop = loaded
    orders = defs.resolve_asset_graph().get(dg.AssetKey(["sales", "orders"]))
    columns = orders.metadata["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == [("id", "Int64"), ("price", "Float64")]
    assert (orders.group_name, orders.owners, orders.kinds) == ("landing", ["team:sales"], {"parquet"})
    assert orders.is_observable
    (seen,) = observed(defs, instance, ["sales", "orders"])
    assert (seen.metadata["dagster/row_count"].value, seen.metadata["format"].value) == (2, ".parquet")
    (again,) = observed(defs, instance, ["sales", "orders"])
    assert again.tags == seen.tags
    pl.DataFrame({"id": [1], "price": [9.0]}).write_parquet(drop / "orders.parquet")
    (changed,) = observed(defs, instance, ["sales", "orders"])
    assert changed.tags != seen.tags

    days = observed(defs, instance, ["sales", "days"])
    assert [each.partition for each in days] == ["mon", "tue", None]
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("revenue")]).success
    with defs.resources["store"].open() as store:
        assert store["revenue"] == {"price": 9.0, "days": ["mon", "tue"]}

    (drop / "orders.parquet").unlink()
    with pytest.raises(StorageFileNotFoundError, match="sales/orders"):
        observed(defs, instance, ["sales", "orders"])


def test_a_store_from_yaml(loaded, project):
    """The resources have what YAML says: variables by name, templates filled in, and folders of the project."""
    defs, _ = loaded
    manager = defs.resources["branch"]
    assert isinstance(manager, AutoStoreIOManager)
    assert manager.uri == dg.EnvVar("BRANCH")
    assert manager.storage.max_retries == dg.EnvVar.int("TRIES")
    with manager.open() as store:
        assert (store.config.max_retries, store.config.timeout, store.config.history) == (2, 5.5, True)
        assert store.base.uri == AutoStore(project[0] / "data").uri
    assert defs.resolve_job_def("promote_branch_branch").name == "promote_branch_branch"
    assert defs.resolve_schedule_def("prune_store_branch_schedule").cron_schedule == "0 3 * * *"
    assert defs.resources["io_manager"].uri == str(project[0] / "data")


def built(component, text):
    """The definitions of one component, from YAML."""
    return component_defs(component=component.resolve_from_yaml(text))


@pytest.mark.parametrize("match", ["orders.csv", "sales/*.csv", "**/*.csv.gz"])
def test_a_pattern_with_an_extension_is_refused(match):
    """It could find nothing, and the asset that it names was never there."""
    with pytest.raises(InvalidConfigError, match="names files with their extension") as told:
        built(StoredFilesComponent, f"uri: landing\nfiles: [{{match: '{match}'}}]")
    assert repr(match.partition(".")[0]) in str(told.value)


SEVERAL = {
    "one/land": ("StoredFilesComponent", "{uri: one, files: [{match: x}], observe_schedule: '0 * * * *'}"),
    "two/land": ("StoredFilesComponent", "{uri: two, files: [{match: y}], observe_schedule: '0 * * * *'}"),
    "with-dash": ("StoredFilesComponent", "{uri: two, files: [{match: z}]}"),
    "other-dash": ("StoredFilesComponent", "{uri: one, files: [{match: w}]}"),
    "first": ("AutoStoreComponent", "{uri: a, base: b, jobs: [promote, move_in], prune_schedule: '0 3 * * *'}"),
    "second": (
        "AutoStoreComponent",
        "{uri: c, base: b, jobs: [promote, move_in], prune_schedule: '0 3 * * *', io_manager_key: k, resource_key: r}",
    ),
}


def test_several_components_of_a_project(tmp_path, monkeypatch):
    """Folders of one name, names with dashes, several in a file, two stores: each reads its own place, and all load."""
    package = tmp_path / "several_project"
    (package / "defs").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "several_project"\nversion = "0.1"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "several_project"\n'
    )
    for name in ("__init__", "defs/__init__"):
        (package / f"{name}.py").write_text("")
    for folder, (kind, attributes) in SEVERAL.items():
        (package / "defs" / folder).mkdir(parents=True)
        text = f"type: autostore_dagster.components.{kind}\nattributes: {attributes}\n"
        if folder == "one/land":
            text += "---\n" + text.replace("uri: one", "uri: two").replace("match: x", "match: v")
        (package / "defs" / folder / "defs.yaml").write_text(text)
    AutoStore(tmp_path / "one").update({"x": "x", "w": "w"})
    AutoStore(tmp_path / "two").update({"y": "y", "z": "z", "v": "v"})
    monkeypatch.syspath_prepend(str(tmp_path))
    defs = dg.load_from_defs_folder(path_within_project=package)
    dg.Definitions.validate_loadable(defs)
    assert [defs.load_asset_value(name) for name in "vwxyz"] == list("vwxyz")
    assert {job.name for job in defs.jobs} == {"promote_branch", "promote_branch_k", "move_in", "move_in_k"}


def test_a_place_that_does_not_answer(caplog):
    """Where files cannot be listed the project loads with those that are named, and the log says why."""
    keys = "aws_access_key_id: a, aws_secret_access_key: b"
    storage = f"{{endpoint_url: 'http://127.0.0.1:{free_port()}', max_retries: 0, {keys}}}"
    defs = built(
        StoredFilesComponent, f"uri: s3://bucket/\nstorage: {storage}\nfiles: [{{match: '*'}}, {{match: named/one}}]"
    )
    assert [asset.key.path for asset in defs.assets] == [["named", "one"]]
    assert "were not looked at" in caplog.text


def test_settings_of_another_place():
    """A setting that the place's kind does not have is refused when the project is loaded, and named."""
    with pytest.raises(InvalidConfigError, match="endpoint_url"):
        built(AutoStoreComponent, "uri: data\nstorage: {endpoint_url: 'http://x'}")


@pytest.mark.parametrize(
    ("uri", "storage", "said"),
    [
        (
            "az://box/p/",
            "{account_name: a, account_key: {env: KEY}}",
            AzureStorageConfig(account_name="a", account_key="k"),
        ),
        (
            "gs://box/p/",
            "{options: {project: x, token: {env: KEY}}}",
            FsspecStorageConfig(options={"project": "x", "token": "k"}),
        ),
        ("fsspec+sftp://host/p", "{single_writer: true}", FsspecStorageConfig(single_writer=True)),
    ],
)
def test_settings_of_each_place(uri, storage, said, monkeypatch):
    """Every kind of place takes the settings of its own class, variables inside of its options too."""
    monkeypatch.setenv("KEY", "k")
    manager = built(AutoStoreComponent, f"uri: {uri}\nstorage: {storage}").resources["io_manager"]
    assert manager.storage.process_config_and_initialize().to_core() == said.to_core()


def test_a_store_on_a_file_system_of_fsspec(tmp_path, instance):
    """A pipeline runs over it by its settings from YAML, and a store of the core reads what it wrote."""
    uri = f"fsspec+file://{tmp_path}/kept"
    defs = built(AutoStoreComponent, f"uri: {uri}\nstorage: {{single_writer: true, options: {{auto_mkdir: true}}}}")
    one = dg.asset(lambda: {"a": (1, 2)}, name="one")
    assert dg.materialize([one], resources=dict(defs.resources), instance=instance).success
    assert AutoStore(uri, FsspecConfig(single_writer=True))["one"] == {"a": (1, 2)}


@pytest.mark.parametrize("block", ["store", "landing"])
def test_the_page(block, monkeypatch, tmp_path):
    """What docs/components.md shows loads as it stands there."""
    found = re.search(rf"```yaml {block}\n(.*?)```", (ROOT / "docs" / "components.md").read_text(), re.DOTALL)
    kind, _, attributes = found[1].partition("attributes:\n")
    component = {"store": AutoStoreComponent, "landing": StoredFilesComponent}[block]
    assert kind.strip() == f"type: {component.__module__.rpartition('.')[0]}.{component.__name__}"
    monkeypatch.chdir(tmp_path)
    defs = built(component, textwrap.dedent(attributes))
    assert {**defs.resources} if block == "store" else list(defs.assets)


def test_settings_are_those_of_the_manager():
    """Each setting of the manager is one of the component, with its default, and the schema knows the storage's."""
    for name, field in AutoStoreIOManager.model_fields.items():
        own = AutoStoreComponent.model_fields[name]
        assert own.default == field.default or field.is_required(), name
    schema = AutoStoreComponent.get_model_cls().model_json_schema()
    settings = schema["$defs"]["StorageSettings"]["properties"]
    for kind in (S3StorageConfig, AzureStorageConfig, FsspecStorageConfig):
        assert set(settings) >= set(kind.model_fields)
    assert all(setting["description"] for setting in settings.values())


@pytest.mark.parametrize("text", ["uri: data\nstorge: {}", "uri: data\nstorage: {endpoint: x}", "files: []"])
def test_misspelt_yaml(text):
    """A name that does not exist is refused by the schema, as `dg check yaml` does."""
    with pytest.raises(Exception, match=r"storge|endpoint|uri"):
        AutoStoreComponent.resolve_from_yaml(text)
