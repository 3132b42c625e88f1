"""The asset pages of Dagster's UI as a person sees them: its webserver on the example project, read by a browser.

Pictures of the pages are left in `artifacts/dagster-ui`; two of them, made here, are in `docs/images`.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from autostore import AutoStore
from example_project.definitions import defs
from tests.dagster.chromium import PROGRAM, browser
from tests.servers import ACCESS_KEY, SECRET_KEY, free_port, listens, process, wait_for

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "artifacts" / "dagster-ui"
MONTHS = ["2013-01-01", "2013-02-01"]
RUN = {"dagster/asset_partition_range_start": MONTHS[0], "dagster/asset_partition_range_end": MONTHS[-1]}
ASSETS = ["flights", "weather", "planes", "airports", "flight_features", "parameters", "training_config", "delay_chart"]

# Nothing is reported to anybody, and the outputs of steps are left to pytest.
SETTINGS = """\
telemetry: {enabled: false}
compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}
"""

# Tables of previews that reach beyond the panel, which cuts them.
CUT = """
[...document.querySelectorAll('td table')].filter(table => {
  const panel = table.parentElement.closest('td').closest('table').parentElement
  return table.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1
}).map(table => table.innerText.slice(0, 200))
"""

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="The browser test needs Chromium: apt-get install chromium"),
    # The run, the webserver and the browser start once, in the first test: 20 s on two idle cores.
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def ui(moto_s3, tmp_path_factory):
    """A browser's tab, the address of a webserver that knows one run, and the store which that run wrote."""
    folder = tmp_path_factory.mktemp("ui")
    moto_s3.raw().create_bucket(Bucket="nyc-flights")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AUTOSTORE_URI": "s3://nyc-flights/2013/",
            "AWS_ENDPOINT_URL_S3": moto_s3.endpoint,
            "AUTOSTORE_EXAMPLE_TORCH": "0",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "DAGSTER_HOME": str(recorded(folder)),
        }.items():
            patch.setenv(name, value)
        materialize()
        port = free_port()
        command = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
        with (
            process([*command, "-m", "example_project.definitions"], folder / "webserver.log"),
            browser(folder) as page,
            AutoStore("s3://nyc-flights/2013/", moto_s3.config()) as store,
        ):
            wait_for(lambda: listens(port), "Dagster's webserver")
            yield SimpleNamespace(page=page, address=f"http://127.0.0.1:{port}", store=store)


def recorded(folder):
    """A home for Dagster that has been greeted already, so that no dialog lies over the pages."""
    home = folder / "home"
    (home / ".nux").mkdir(parents=True)
    (home / ".nux" / "nux.yaml").write_text("seen: 1\n")
    (home / "dagster.yaml").write_text(SETTINGS)
    return home


def materialize():
    """One run of the example over two months."""
    job = defs().resolve_job_def("everything")
    with dg.DagsterInstance.get() as instance:
        selected = [dg.AssetKey(name) for name in ASSETS]
        assert job.execute_in_process(instance=instance, tags=RUN, asset_selection=selected).success


@pytest.fixture
def look(ui, request):
    """Opens a page of the UI and waits for texts on it; at the end a picture is left, and no preview may be cut."""

    def look(path, *texts):
        ui.page.open(ui.address + path, width=1440, height=1400)
        return ui.page.wait(*texts)

    yield look
    PICTURES.mkdir(parents=True, exist_ok=True)
    ui.page.picture(PICTURES / f"{request.node.name}.png")
    assert ui.page.evaluate(CUT) == []


def first_values(column):
    """Of a table that is wider than the panel three values of each column, in short."""
    texts = [str(value) for value in column[:3]]
    return ", ".join(text if len(text) <= 24 else f"{text[:23]}…" for text in texts)


def test_a_frame(ui, look):
    """A frame's page has the tiles of rows and size, its columns with their types, and its first rows."""
    table = ui.store["airports"]
    size = ui.store.get_metadata("airports").size
    seen = look("/assets/airports", "Lansdowne Airport", f"Row count {table.height:,}", f"Storage {size / 1000:.0f}KB")
    columns = seen[seen.index("Columns") : seen.index("Metadata")]
    for name, dtype in table.schema.items():
        assert f" {name} {dtype} " in columns
    head = seen[seen.index(" head ") : seen.index(" statistics ")]
    for name in ("faa", "name", "alt"):
        assert first_values(table[name]) in head
    assert table.row(3)[1] not in head
    assert 'AutoStore("s3://nyc-flights/2013/")["airports"]' in seen


def test_statistics(ui, look):
    """Numbers of a frame stand to the right in a table like describe()'s, and rows and size are plotted over time."""
    look("/assets/planes", "statistics")
    cells = "[...document.querySelectorAll('th')].filter(cell => cell.innerText === '{}').map(cell => {})"
    assert ui.page.wait_until(cells.format("std", "getComputedStyle(cell).textAlign") + ".pop()") == "right"
    ui.page.click("Plots")
    ui.page.wait("dagster/row_count", "dagster/size_bytes")


def test_a_picture(ui, look):
    """An image's page shows it small, and large behind a link."""
    look("/assets/delay_chart", "thumbnail", "[Show Markdown]")
    shown = "document.querySelector('img[alt={}][src^=\"data:image/\"]')?.naturalWidth"
    assert ui.page.wait_until(shown.format("thumbnail")) >= 80
    ui.page.click("[Show Markdown]")
    assert ui.page.wait_until(shown.format("preview")) == ui.store["delay_chart"].width


def test_a_partition(ui, look):
    """A month's page has its own key, rows and head; the months that were never run are missing."""
    table = ui.store["flights/date=2013-01-01/data"]
    seen = look(
        "/assets/flights?view=partitions&partition=2013-01-01",
        "2013-01-01 Materialized",
        "s3://nyc-flights/2013/flights/date=2013-01-01/data.parquet",
        f"dagster/partition_row_count {table.height}",
    )
    assert "Materialized (2)" in seen
    assert "Missing (10)" in seen
    assert first_values(table["flight"]) in seen


def test_a_dataclass(ui, look):
    """A dataclass's page lists its fields."""
    seen = look("/assets/training_config", " fields ", "late_after_minutes 15")
    assert f"epochs {ui.store['training_config'].epochs}" in seen


def test_an_asset_that_never_ran(look):
    """Where an asset will be kept is known before anything has run."""
    look("/assets/summary", "s3://nyc-flights/2013/summary")
