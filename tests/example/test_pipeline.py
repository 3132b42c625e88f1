"""The flights pipeline end to end, on two of its twelve months: every format at work, every figure real."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from PIL import Image

from autostore import AutoStore
from autostore_dagster import AutoStoreIOManager
from example_project import __main__ as demo
from example_project import resources
from example_project.assets import features, flights
from example_project.definitions import defs
from example_project.schema import GroupMedians, ModelReport, TrainingConfig
from example_project.source import flights_of_year

MONTHS = ["2013-01-01", "2013-02-01"]
TWO_MONTHS = {"dagster/asset_partition_range_start": MONTHS[0], "dagster/asset_partition_range_end": MONTHS[-1]}
ONE_EPOCH = {"ops": {"parameters": {"config": {"epochs": 1}}}}
FORMATS = {
    ".parquet", ".csv", ".json", ".jsonl", ".pydantic.json", ".dataclass.json", ".html", ".md",
    ".npy", ".npz", ".sparse", ".png", ".yaml", ".pkl",
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def materialize(uri, *, torch):
    """One run of everything over two months."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("AUTOSTORE_URI", uri)
        patch.setenv("AUTOSTORE_EXAMPLE_TORCH", "1" if torch else "0")
        job = defs().resolve_job_def("everything")
        result = job.execute_in_process(tags=TWO_MONTHS, run_config=ONE_EPOCH, instance=instance, raise_on_error=False)
    assert result.success
    return result


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A folder in which everything was materialized, twice: the second run is as good as the first."""
    uri = str(tmp_path_factory.mktemp("example") / "data")
    for _ in range(2):
        materialize(uri, torch=True)
    return uri


@pytest.fixture
def store(uri):
    """The plain store in that folder."""
    return AutoStore(uri)


def test_every_format_is_at_work(store):
    """Each row of the specification's table of formats has an asset."""
    extensions = {store.get_metadata(key).path.removeprefix(key) for key in store.keys()}  # noqa: SIM118
    assert extensions >= FORMATS
    assert (".pt" in extensions) == resources.with_torch()


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("flights/date=2013-01-01/data", pl.DataFrame),
        ("weather", pl.LazyFrame),
        ("airports", pl.DataFrame),
        ("carriers", dict),
        ("parameters", dict),
        ("training_config", TrainingConfig),
        ("design_matrix", np.ndarray),
        ("targets", dict),
        ("baseline", GroupMedians),
        ("model_report", ModelReport),
        ("delay_chart", Image.Image),
        ("worst_delays", list),
        ("summary", str),
        ("report_page", str),
    ],
)
def test_types_come_back(store, key, kind):
    """Every asset is read as what it was returned as."""
    assert isinstance(store[key], kind)


def test_no_flight_is_lost(store):
    """The months hold exactly the flights of the source; the matrices have a row for each that left."""
    year = flights_of_year().filter(pl.col("month") <= 2)
    stored = pl.concat([store[f"flights/date={month}/data"] for month in MONTHS])
    assert stored.equals(year)
    left = year.filter(pl.col("dep_delay").is_not_null()).height
    assert store["design_matrix"].shape == (left, 16)
    assert store["one_hot"].shape[0] == left
    assert store["one_hot"].nnz == 3 * left
    assert len(store["targets"]["delay"]) == left


def test_the_month_s_last_days_are_held_out(store):
    """The model is judged on days that it never saw: the last six of each month."""
    features = pl.concat([store[f"flight_features/date={month}/data"] for month in MONTHS])
    held_out = features.filter(~store["targets"]["train"]).select("month", "day").unique()
    assert sorted(held_out.rows()) == [(1, day) for day in range(26, 32)] + [(2, day) for day in range(23, 29)]


def test_recent_delays_know_no_future(store):
    """A flight's `recent_delay` is made of flights that had left three hours before its own hour began."""
    utc = pl.col("time_hour").str.to_datetime(time_zone="UTC")
    one = store["flight_features/date=2013-01-01/data"].filter(pl.col("hour") == 18).row(0, named=True)
    earlier = flights_of_year().filter(pl.col("origin") == one["origin"], utc == one["time"] - timedelta(hours=3))
    assert one["recent_delay"] == pytest.approx(earlier["dep_delay"].clip(upper_bound=120).mean())


def test_the_report_s_figures_are_the_predictions(store):
    """The error in the report is that of the stored predictions, and the baseline's that of its own."""
    targets, report = store["targets"], store["model_report"]
    actual = targets["delay"][~targets["train"]]
    assert report.validation_flights == len(actual)
    for name, score in (("predictions", report.model), ("baseline_predictions", report.baselines[-1])):
        predicted = np.asarray(store[name], dtype=np.float64)
        assert score.mae_minutes == pytest.approx(np.abs(predicted - actual).mean(), abs=1e-3)
    assert f"{report.model.mae_minutes:.2f}" in store["summary"]
    assert "data:image/png" in store["report_page"]


def test_the_worst_delays_are_the_worst(store):
    """The latest departure of the two months leads the list, with its airline's name."""
    year = flights_of_year().filter(pl.col("month") <= 2)
    worst = year.sort("dep_delay", nulls_last=True, descending=True).row(0, named=True)
    first = store["worst_delays"][0]
    assert (first["dep_delay"], first["flight"]) == (worst["dep_delay"], worst["flight"])
    assert first["airline"] == store["carriers"][worst["carrier"]]


def test_the_table_of_the_demo(uri, store, capsys):
    """The demo prints every key with its type, format and size, and the report's figures."""
    demo.show(store)
    printed = capsys.readouterr().out
    for key in store.keys():  # noqa: SIM118
        assert key in printed
    assert f"{store['model_report'].model.mae_minutes:.3f}" in printed


def test_what_the_demo_says_to_type_next(monkeypatch, tmp_path, capsys):
    """The Python that it names has the library, from wherever the demo ran."""
    monkeypatch.chdir(tmp_path)
    demo.tell_next("./data")
    [line] = [line for line in capsys.readouterr().out.splitlines() if "read one back" in line]
    subprocess.run([line.split()[0], "-I", "-c", "import autostore"], check=True, timeout=60)


def test_without_torch(uri):
    """The same keys without torch: the network's files give way to the regression's, and all works on."""
    result = materialize(uri, torch=False)
    store = AutoStore(uri)
    assert isinstance(store["delay_model"], np.ndarray)
    assert store.get_metadata("predictions").path == "predictions.npy"
    assert list(store.list_files("delay_model*")) == ["delay_model.npy"]
    assert [evaluation.check_name for evaluation in result.get_asset_check_evaluations()] == ["beats_the_baseline"]


def test_definitions_validate(tmp_path):
    """Dagster's own command finds nothing wrong."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "example_project.definitions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "DAGSTER_HOME": ""})
    assert done.returncode == 0, done.stderr


def test_a_local_folder_by_default(monkeypatch):
    """Without variables the assets lie in the checkout's folder `data`, wherever the command is run."""
    monkeypatch.delenv("AUTOSTORE_URI", raising=False)
    assert os.path.isabs(resources.store_uri())
    assert resources.store_uri().endswith("/data")


def test_s3_by_the_variables_of_env_example(moto_s3, monkeypatch):
    """The two variables that `.env.example` names are all that S3 needs, beside botocore's own."""
    example = Path(resources.__file__).with_name(".env.example").read_text()
    names = re.findall(r"^(\w+)=", example, re.MULTILINE)
    values = [f"s3://{moto_s3.make_bucket()}/flights/", moto_s3.endpoint]
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    manager = resources.io_manager()
    assert isinstance(manager, AutoStoreIOManager)
    with resources.store_resource().open() as store:
        store["x"] = 1
        assert store["x"] == 1
    with AutoStore(values[0]) as pasted:  # the line that the demo prints
        assert pasted["x"] == 1


def test_one_month_by_itself(tmp_path, monkeypatch):
    """A month materialized alone, as the UI does, is stored as in a run of all."""
    monkeypatch.setenv("AUTOSTORE_URI", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [flights.flights, flights.weather, flights.planes, features.flight_features],
            partition_key="2013-03-01",
            instance=instance,
            resources={"io_manager": resources.io_manager()},
        )
    assert result.success
    store = AutoStore(tmp_path)
    assert store["flights/date=2013-03-01/data"].equals(flights_of_year().filter(pl.col("month") == 3))
    assert store["flight_features/date=2013-03-01/data"]["month"].unique().to_list() == [3]
