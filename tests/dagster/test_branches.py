"""Branch deployments: what is read through to production, what stays in the branch, and how it is promoted."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from autostore import AutoStore, InvalidConfigError, InvalidKeyError, PreconditionFailedError
from autostore_dagster import (
    AutoStoreIOManager,
    AutoStoreResource,
    LocalStorageConfig,
    build_promote_job,
    promote,
)

DAYS = dg.StaticPartitionsDefinition(["mon", "tue", "wed"])


@dg.asset(partitions_def=DAYS)
def flights(context) -> pl.DataFrame:
    """A day of production."""
    return pl.DataFrame({"day": [context.partition_key], "from": ["prod"]})


@dg.asset
def airports() -> dict:
    """A table of names."""
    return {"JFK": "Kennedy"}


@dg.asset
def report(flights: pl.DataFrame, airports: dict) -> dict:
    """Made of both."""
    return {"rows": flights.height, "names": len(airports)}


@dg.asset(name="flights", partitions_def=DAYS)
def changed_flights(context) -> pl.DataFrame:
    """The branch's code."""
    return pl.DataFrame({"day": [context.partition_key], "from": ["branch"]})


@pytest.fixture
def production(tmp_path, instance):
    """A store in which production ran."""
    uri = str(tmp_path / "prod")
    resources = {"io_manager": AutoStoreIOManager(uri=uri)}
    for day in DAYS.get_partition_keys():
        assert dg.materialize([flights], partition_key=day, resources=resources, instance=instance).success
    assert dg.materialize([airports], resources=resources, instance=instance).success
    return uri


def files_of(folder):
    """Every file of a place, as it lies there."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def loaded(result):
    """The metadata of each input that was loaded."""
    events = [event for event in result.all_events if event.event_type_value == "LOADED_INPUT"]
    return {event.event_specific_data.input_name: event.event_specific_data.metadata for event in events}


def test_inputs_of_a_branch_are_production_s_until_they_are_made_there(rig, production):
    """Per key and per partition; the event of the input says which came from the base, and the base is untouched."""
    before = files_of(production)
    rig.manager = rig.manage(base=production)
    result = rig.run(flights, airports, report, select=["report"])
    assert rig.store()["report"] == {"rows": 3, "names": 1}
    assert list(rig.store().keys()) == ["report"]
    base, inputs = AutoStore(production).uri, loaded(result)
    assert inputs["airports"]["base"].value == base
    assert inputs["flights"]["base"].value == base
    assert inputs["flights"]["from_base"].value == "3 of 3: mon, tue, wed"

    rig.run(changed_flights, partition="tue")
    inputs = loaded(rig.run(changed_flights, airports, report, select=["report"]))
    assert inputs["flights"]["from_base"].value == "2 of 3: mon, wed"
    frame = rig.load(flights, pl.DataFrame, between=("mon", "wed"))
    assert frame.sort("day")["from"].to_list() == ["prod", "branch", "prod"]
    assert files_of(production) == before


def test_a_base_is_a_uri_a_resource_or_a_manager(tmp_path, production, monkeypatch):
    """Each with its own settings; of a text those of the branch; an unset variable is Dagster's own error."""
    monkeypatch.setenv("PROD_URI", production)
    bases = [
        production,
        dg.EnvVar("PROD_URI"),
        AutoStoreResource(uri=production, storage=LocalStorageConfig(allow_pickle=False)),
        AutoStoreIOManager(uri=production),
        AutoStoreIOManager(uri=str(tmp_path / "staging"), base=production),
    ]
    for number, base in enumerate(bases):
        for kind in (AutoStoreIOManager, AutoStoreResource):
            with kind(uri=str(tmp_path / f"branch{number}"), base=base).open() as store:
                assert store["airports"] == {"JFK": "Kennedy"}
                assert store.base is not None
    with pytest.raises(InvalidConfigError, match="base"):
        AutoStoreIOManager(uri="x", bases=production)
    with pytest.raises(InvalidKeyError, match="credentials"):
        AutoStoreIOManager(uri="x", base="s3://KEY:SECRET@bucket/")


def test_promotion(rig, production):
    """Only the named assets go, with all their partitions; a conflict names its keys and changes nothing."""
    rig.manager = rig.manage(base=production)
    rig.run(changed_flights, partition="tue")
    rig.run(airports)
    defs = dg.Definitions(assets=[changed_flights, airports], resources={"io_manager": rig.manager})
    planned = promote(defs, dry_run=True)
    assert sorted(key for key, _ in planned) == ["airports", "flights/partition=tue/data"]
    assert promote(defs, assets=["flights"]) == [("flights/partition=tue/data", "changed")]
    with AutoStore(production) as store:
        assert store["flights/partition=tue/data"]["from"].to_list() == ["branch"]
        store["airports"] = {"JFK": "renamed in production"}
    with pytest.raises(PreconditionFailedError) as caught:
        promote(defs)
    assert caught.value.conflicts == ["airports"]
    assert AutoStore(production)["airports"] == {"JFK": "renamed in production"}


def test_assets_are_chosen_as_the_catalog_names_them(rig, production):
    """A text with slashes is a path; what is neither defined nor changed is refused, as it would promote nothing."""

    @dg.asset(key=["raw", "rates"])
    def rates() -> int:
        return 5

    rig.manager = rig.manage(base=production)
    rig.run(rates)
    defs = dg.Definitions(assets=[rates, airports], resources={"io_manager": rig.manager})
    for wrong, told in [(["raw/rate"], "'raw/rates'"), (["nothing"], "No asset 'nothing'"), ("airports", "no list")]:
        with pytest.raises(InvalidConfigError, match=told):
            promote(defs, assets=wrong)
    assert promote(defs, assets=["raw/rates"]) == [("raw/rates", "added")]
    assert promote(defs, assets=["raw/rates", "airports"]) == []  # there already

    rig.run(rates)
    without = dg.Definitions(assets=[airports], resources={"io_manager": rig.manager})
    assert promote(without, assets=[["raw", "rates"]]) == [("raw/rates", "changed")]  # changed, if no longer defined


def test_the_job_promotes_and_shows_a_table(rig, production):
    """Its run has the rows; a dry run changes nothing."""
    rig.manager = rig.manage(base=production)
    rig.run(changed_flights, partition="mon")
    job = build_promote_job()
    defs = dg.Definitions(assets=[changed_flights], jobs=[job], resources={"io_manager": rig.manager})
    for dry_run, expected in ((True, "prod"), (False, "branch")):
        config = {"ops": {"promote_branch": {"config": {"assets": ["flights"], "dry_run": dry_run}}}}
        result = defs.resolve_job_def("promote_branch").execute_in_process(run_config=config, instance=rig.instance)
        (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
        metadata = event.event_specific_data.metadata
        assert [record.data for record in metadata["promoted"].records] == [
            {"key": "flights/partition=mon/data", "change": "changed"}
        ]
        assert AutoStore(production)["flights/partition=mon/data"]["from"].to_list() == [expected]


def test_what_is_no_branch_is_not_promoted(rig):
    """The message says what is missing."""
    with pytest.raises(InvalidConfigError, match="base="):
        promote(dg.Definitions(resources={"io_manager": rig.manager}))
    with pytest.raises(InvalidConfigError, match="io_manager_key"):
        promote(dg.Definitions())
