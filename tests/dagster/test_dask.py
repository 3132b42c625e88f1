"""A Dask cluster: a scheduler and two workers that share nothing but S3 and Dagster's own records.

`make test` runs a small pipeline on it, `make soak` all of the example.
"""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from autostore import AutoStore
from autostore.testing import same
from tests.dagster.workers_project import STEPS, check_values
from tests.reliability.scale import SOAK
from tests.servers import ACCESS_KEY, SECRET_KEY, free_port, listens, process, wait_for

ROOT = Path(__file__).parents[2]
NO_LOGS = "compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}\n"

# Each process stands in a folder of its own, as on a machine of its own.
SCHEDULER = "import os, sys; os.chdir(sys.argv.pop(1)); from distributed.cli.dask_scheduler import main; main()"
WORKER = "import os, sys; os.chdir(sys.argv.pop(1)); from distributed.cli.dask_worker import main; main()"

# One thread for each library, so that sums are added in the same order everywhere.
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def machine(folder, uri, home, **more):
    """The environment of a machine of its own: its folder, TMPDIR and cache; only Dagster's records are shared."""
    for name in ("tmp", "cache", "home"):
        (folder / name).mkdir(parents=True)
    return {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPATH": str(ROOT),
        "DAGSTER_HOME": str(home),
        "AUTOSTORE_URI": uri,
        "AUTOSTORE_EXAMPLE_TORCH": "0",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        **ONE_THREAD,
        **more,
    }


def new_home(folder):
    """A place for Dagster's records."""
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n" + NO_LOGS)
    return folder


def run(log, environment, project, *arguments):
    """The driver as a process of its own, to its end."""
    with process([sys.executable, "-m", f"tests.dagster.{project}", *arguments], log, environment) as driver:
        try:
            code = driver.wait(timeout=150)
        except subprocess.TimeoutExpired:
            code = "timeout"
    assert code == 0, log.read_text()[-5000:]


def recorded(home):
    """The process of each step that went well, and each input's step with the step that it was read from."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_run_records()
        events = [entry.dagster_event for entry in instance.all_logs(run.dagster_run.run_id)]
    events = [event for event in events if event is not None]
    steps = {event.step_key: event.pid for event in events if event.is_step_success}
    loaded = [event for event in events if event.event_type == dg.DagsterEventType.LOADED_INPUT]
    return steps, [(event.step_key, event.event_specific_data.upstream_step_key) for event in loaded]


def leftovers(*folders):
    """Files that the workers have left, beside Dask's locks and the list of fonts of the charts."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if not file.suffix.endswith("lock") and "matplotlib" not in file.parts]


@pytest.fixture
def cluster(tmp_path, moto_s3):
    """A scheduler and two workers: the URI, the address, the folder of each worker, and the environment of a driver."""
    uri = f"s3://{moto_s3.make_bucket()}/flights/"
    home = new_home(tmp_path / "dagster")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    s3 = {"AWS_ENDPOINT_URL_S3": moto_s3.endpoint}
    names = ["scheduler", "worker-a", "worker-b", "driver"]
    folders = {name: tmp_path / name for name in names}
    env = {name: machine(folder, uri, home, **s3) for name, folder in folders.items()}
    quiet = ["--host", "127.0.0.1", "--no-dashboard"]
    with ExitStack() as stack:

        def begin(name, program, *arguments):
            command = [sys.executable, "-c", program, str(folders[name]), *arguments, *quiet]
            return stack.enter_context(process(command, tmp_path / f"{name}.log", env[name]))

        begin("scheduler", SCHEDULER, "--port", str(port))
        wait_for(lambda: listens(port), "Dask's scheduler")
        workers = {
            begin(f"worker-{name}", WORKER, address, "--no-nanny", "--nthreads", "1", "--resources", f"{name}=1").pid: (
                folders[f"worker-{name}"]
            )
            for name in ("a", "b")
        }
        yield uri, address, workers, env["driver"]


def check_steps(home, workers):
    """All workers ran steps, some read what the other one wrote, and nothing is left on their disks."""
    steps, inputs = recorded(home)
    assert set(steps.values()) == set(workers)
    assert any(steps[step] != steps[upstream] for step, upstream in inputs)
    assert leftovers(*workers.values()) == []
    return steps


@pytest.mark.timeout(240)
def test_a_pipeline_on_dask(cluster, moto_s3, tmp_path):
    """Steps run in two workers, hand each other every value through S3, and leave nothing on their disks."""
    uri, address, workers, environment = cluster
    run(tmp_path / "driver.log", environment, "workers_project", "dask", address)
    assert set(check_steps(tmp_path / "dagster", workers)) == STEPS
    with AutoStore(uri, moto_s3.config()) as store:
        check_values(store)


@pytest.mark.skipif(not SOAK, reason="minutes long: make soak")
@pytest.mark.timeout(240)
def test_the_example_on_dask(cluster, moto_s3, tmp_path):
    """The example's run on two workers stores what a run in one process stores."""
    uri, address, workers, environment = cluster
    run(tmp_path / "driver.log", environment, "dask_project", address)
    check_steps(tmp_path / "dagster", workers)

    local = str(tmp_path / "data")
    environment = machine(tmp_path / "local", local, new_home(tmp_path / "local-dagster"))
    run(tmp_path / "local.log", environment, "dask_project")
    there, here = AutoStore(uri, moto_s3.config()), AutoStore(local)
    assert list(there.keys()) == list(here.keys())
    assert [key for key in here.keys() if not same(there[key], here[key])] == []  # noqa: SIM118
