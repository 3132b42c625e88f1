"""Celery with Redis and two worker processes, which share nothing but S3 and Dagster's own records."""

import shutil
import sys
from contextlib import ExitStack

import pytest

from autostore import AutoStore
from tests.dagster.test_dask import check_steps, machine, new_home, run
from tests.dagster.workers_project import STEPS, check_values
from tests.servers import free_port, listens, process, wait_for

PROGRAM = shutil.which("redis-server")
WORKERS = ("worker-a", "worker-b")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="The Celery test needs Redis: apt-get install redis-server")


@pytest.fixture
def workers(tmp_path, radosgw_s3):
    """The store's URI, the broker, each worker's process with its folder, and the driver's environment."""
    uri, home = f"s3://{radosgw_s3.make_bucket()}/flights/", new_home(tmp_path / "dagster")
    port = free_port()
    broker = f"redis://127.0.0.1:{port}/0"
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "dagster_celery_config.py").write_text(
        f"broker_url = result_backend = {broker!r}\nworker_prefetch_multiplier = 1\n"
    )
    names = (*WORKERS, "driver")
    env = {name: machine(tmp_path / name, uri, home, AWS_ENDPOINT_URL_S3=radosgw_s3.endpoint) for name in names}
    with ExitStack() as stack:
        redis = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
        stack.enter_context(process(redis, tmp_path / "redis.log"))
        wait_for(lambda: listens(port), "Redis")
        folders = {}
        for name in WORKERS:
            env[name]["PYTHONPATH"] += f":{settings}"
            # "solo": the worker is one process, which takes one step at a time.
            command = [sys.executable, "-m", "celery", "-A", "dagster_celery.app", "worker", "-Q", "dagster"]
            command += ["-n", f"{name}@%h", "--pool", "solo", "--loglevel", "info"]
            log = tmp_path / f"{name}.log"
            folders[stack.enter_context(process(command, log, env[name])).pid] = tmp_path / name
            wait_for(lambda log=log: " ready." in log.read_text(), name)
        yield uri, broker, folders, env["driver"]


@pytest.mark.timeout(240)
def test_a_pipeline_on_celery(workers, radosgw_s3, tmp_path):
    """Steps run in two workers, hand each other every value through S3, and leave nothing on their disks."""
    uri, broker, folders, environment = workers
    run(tmp_path / "driver.log", environment, "workers_project", "celery", broker)
    assert set(check_steps(tmp_path / "dagster", folders)) == STEPS
    with AutoStore(uri, radosgw_s3.config()) as store:
        check_values(store)
