"""What many tests share: a store on every backend, S3 servers with and without a cache among them."""

import re
import shutil
import uuid

import pytest
from hypothesis import settings

from autostore import AutoStore
from tests.optional import installed, missing_behind, missing_in, said_to_be_missing
from tests.parsing import mend_pytest
from tests.reliability.scale import SOAK

pytest_plugins = ["tests.servers"]

mend_pytest()

if SOAK:
    # On a machine of CI Hypothesis draws the same values each time, and a proof in parts would repeat its first.
    settings.load_profile("default")


@pytest.fixture(params=["local", "memory", "moto", "moto-cached", "radosgw", "radosgw-cached"])
def store(request, tmp_path):
    """A fresh, empty store on every backend; another handle on it is `AutoStore(store.uri, store.config)`."""
    uri, config = str(tmp_path / "store"), None
    if request.param == "memory":
        uri = f"memory://{uuid.uuid4().hex}"
    elif request.param != "local":
        name, _, cached = request.param.partition("-")
        server = request.getfixturevalue(f"{name}_s3")
        uri = f"s3://{server.make_bucket()}/some/prefix/"
        config = server.config(cache_enabled=bool(cached), cache_dir=tmp_path / "cache")
    with AutoStore(uri, config) as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    """The folder of `local_store`."""
    return tmp_path / "store"


@pytest.fixture
def local_store(folder):
    """A fresh store in a local folder."""
    with AutoStore(folder) as store:
        yield store


def pytest_runtest_setup(item):
    """What was made of a library that is missing is no value for a test."""
    drawn = getattr(getattr(item.obj, "hypothesis", None), "_given_kwargs", None) or {}
    given = [*getattr(getattr(item, "callspec", None), "params", {}).values(), *drawn.values()]
    for value in (*given, getattr(item.cls, "samples", None)):
        if library := missing_in(value):
            pytest.skip(f"{library} is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A file or folder that is all about a library is skipped by its name where that is missing."""
    report = yield
    if report.failed and (library := said_to_be_missing(str(report.longrepr))):
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, f"Skipped: {library} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails for a library that is missing is skipped by its name; no skip hides one that is here."""
    report = yield
    if report.failed and (library := missing_behind(call.excinfo.value)):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"Skipped: {library} is not installed")
    if report.skipped and isinstance(report.longrepr, tuple):
        said = re.search(r"(\w+) is not installed|could not import '(\w+)", report.longrepr[2])
        library = said and (said[1] or said[2])
        if library and (installed(library) or shutil.which(library)):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped ({report.longrepr[2]}), but {library} is installed."
    return report
