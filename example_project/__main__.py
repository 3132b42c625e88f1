"""`python -m example_project`: materializes the whole pipeline in one run, and shows what is stored."""

import os
import sys
import time
from pathlib import Path

import dagster as dg
from dotenv import load_dotenv

from autostore import AutoStore
from example_project.assets.flights import months
from example_project.definitions import defs, everything
from example_project.resources import store_resource, store_uri
from example_project.schema import ModelReport

# Dagster's own events are kept for the UI; the terminal shows what the assets say.
QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def run() -> bool:
    """Materialize every asset, and every month, in one run of this process; whether all went well."""
    _prepare_home()
    keys = months.get_partition_keys()
    job = defs().resolve_job_def(everything.name)
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance, tags={FIRST: keys[0], LAST: keys[-1]}, run_config=QUIET, raise_on_error=False
        )
    for failure in result.filter_events(lambda event: event.is_failure):
        print(failure.message, getattr(failure.event_specific_data, "error_display_string", ""), file=sys.stderr)
    return result.success


def show(store: AutoStore) -> None:
    """Print a table of everything stored, and the figures of the report."""
    print(f"\n{'key':<46} {'type':<26} {'format':<16} {'size':>10}")
    for key in store.keys():  # noqa: SIM118  # a store is no dict, and says so
        file = store.get_metadata(key)
        print(f"{key:<46} {_type(store[key]):<26} {file.path.removeprefix(key):<16} {_size(file.size):>10}")
    report: ModelReport = store["model_report"]
    print(f"\n{report.validation_flights:,} held-out flights: {'':<24}{'MAE':>8} {'RMSE':>8} {'AUC':>8}")
    for score in (report.model, *report.baselines):
        print(f"  {score.name:<46} {score.mae_minutes:8.3f} {score.rmse_minutes:8.3f} {score.late_auc:8.3f}")
    print(f"  the model is off by {report.improvement_percent:.1f} % less than the best baseline")


def tell_next(uri: str) -> None:
    """Print what to type next."""
    print("  make ui                                      # the same assets in Dagster's UI")
    python = _beside("python")
    # What `.env` says of S3 and its credentials is needed there as well.
    python = f"{_beside('dotenv')} run {python}" if Path(".env").is_file() else python
    print(f"  {python:<44} # or read one back, in three lines:")
    print("  >>> from autostore import AutoStore")
    print(f'  >>> store = AutoStore("{uri}")')
    print('  >>> store["model_report"].model.mae_minutes')


def _beside(name: str) -> str:
    """A command of this environment, as a shell in this folder calls it: `python` alone may have no autostore."""
    command, here = Path(sys.executable).with_name(name), Path.cwd()
    return str(command.relative_to(here) if command.is_relative_to(here) else command)


def main() -> int:
    """Run, show, and say what to do next."""
    load_dotenv(".env")  # as Dagster's own commands do
    began = time.perf_counter()
    print(f"Materializing the flights of 2013 into {store_uri()} ...", flush=True)
    if not run():
        return 1
    seconds = time.perf_counter() - began
    with store_resource().open() as store:
        show(store)
    print(f"\nMaterialized in {seconds:.0f} s into {store_uri()}. Next:")
    tell_next(store_uri())
    return 0


def _prepare_home() -> None:
    """A place for Dagster's event log that outlives this process, so that `make ui` shows the run."""
    home = Path(os.environ.get("DAGSTER_HOME") or Path(__file__).parent.parent / ".dagster_home").resolve()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text("telemetry:\n  enabled: false\n", encoding="utf-8")


def _type(value: object) -> str:
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    return kind.__qualname__ if package in ("builtins", "example_project") else f"{package}.{kind.__qualname__}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


if __name__ == "__main__":
    sys.exit(main())
