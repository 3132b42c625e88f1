"""Lines in the log, spans and bars: told to whoever listens, with no secret, and nothing where nobody does."""

import io
import logging
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from autostore import AutoStore, PreconditionFailedError, StorageConfig, StorageFileNotFoundError
from autostore.s3 import S3StorageConfig
from tests.optional import np
from tests.proxy import Proxy

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


def fields(record):
    """Of a line about a transfer."""
    names = ("operation", "path", "uri", "bytes", "outcome")
    return tuple(record.__dict__[name] for name in names)


@pytest.fixture
def on_s3(moto_s3):
    """A store on S3 whose arrays of some MiB go in parts, by the engine that is asked for."""
    opened = []

    def open_store(engine="boto3", **settings):
        config = moto_s3.config(engine=engine, multipart_threshold=6 * MIB, multipart_chunksize=5 * MIB, **settings)
        opened.append(AutoStore(f"s3://{moto_s3.make_bucket()}/", config))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def test_each_transfer_is_a_line_with_fields(on_s3, tmp_path, caplog):
    """At INFO, on a folder and on S3: what, where, how much, how long, what came of it; marks are none."""
    caplog.set_level(logging.INFO, "autostore")
    local = AutoStore(tmp_path)
    local["a"] = "text"
    store = on_s3(cache_enabled=True, cache_dir=tmp_path / "cache")
    store["big"] = np.zeros(MIB)
    store["big"]
    store["big"]
    with pytest.raises(StorageFileNotFoundError):
        store["none.txt"]
    told = [record for record in caplog.records if record.name == "autostore"]
    size = store.get_size("big")
    assert [fields(record) for record in told] == [
        ("write", "a.txt", local.uri, 4, "done"),
        ("write", "big.npy", store.uri, size, "done"),
        ("read", "big.npy", store.uri, size, "done"),
        ("read", "big.npy", store.uri, 0, "unchanged"),
        ("read", "none.txt", store.uri, 0, "StorageFileNotFoundError"),
    ]
    assert all(record.levelno == logging.INFO and record.seconds > 0 for record in told)
    assert told[0].getMessage().startswith("write a.txt: 4 bytes in 0.")


@pytest.mark.parametrize("engine", ["boto3", "obstore"])
def test_requests_are_told_at_debug_and_never_a_secret(on_s3, engine, caplog):
    """Each with what was asked, of which key; no header, no credentials, whatever the lines hold."""
    if engine == "obstore":
        pytest.importorskip("obstore")
    caplog.set_level(logging.DEBUG, "autostore")
    store = on_s3(engine)
    store["a.txt"] = "text"
    store["a.txt"]
    told = [record for record in caplog.records if hasattr(record, "request")]
    assert {record.path for record in told} == {"a.txt"}
    assert len(told) >= 2
    if engine == "boto3":
        assert [record.request for record in told] == ["put_object", "get_object"]
    for record in caplog.records:
        if record.name == "autostore":
            assert "testsecret" not in repr(record.__dict__)
            assert "Authorization" not in repr(record.__dict__)


def test_nothing_is_said_where_nobody_listens(tmp_path):
    """A program that sets up no logging sees nothing on its streams, and loads neither rich nor OpenTelemetry."""
    code = (
        "import sys; from autostore import AutoStore\nstore = AutoStore(sys.argv[1])\n"
        "store.update({str(n): n for n in range(20)}); list(store.items())\n"
        "print(sorted({'rich', 'opentelemetry', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_transfers_are_spans(on_s3, tmp_path):
    """Below whatever span is open; a failure is told by its class."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    store = on_s3()
    with trace.get_tracer("test").start_as_current_span("mine") as mine:
        store["a.txt"] = "text"
        store["a.txt"]
        with pytest.raises(StorageFileNotFoundError):
            store["b.txt"]
    write, read, failed, _ = exporter.get_finished_spans()
    assert [one.name for one in (write, read, failed)] == ["autostore.write", "autostore.read", "autostore.read"]
    assert write.parent.span_id == mine.get_span_context().span_id
    assert dict(write.attributes) == {
        "autostore.operation": "write", "autostore.path": "a.txt", "autostore.uri": store.uri, "autostore.bytes": 4,
    }  # fmt: skip
    assert failed.attributes["error.type"] == failed.status.description == "StorageFileNotFoundError"
    assert failed.events == ()


def test_what_is_still_being_imported_is_not_used_yet(tmp_path):
    """While another thread imports OpenTelemetry, a transfer has no span, and no error."""
    # Mutation that this was seen to catch: the module is used as soon as it is known.
    package = tmp_path / "opentelemetry"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "trace.py").write_text(
        "from autostore import AutoStore\n"
        f"store = AutoStore({str(tmp_path / 'store')!r})\n"
        "store['k'] = 1\n"
        "store.copy('k', 'l')\n"
        "print(store['l'])\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import opentelemetry.trace"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "1\n", done.stderr


def test_a_copy_that_the_server_makes_is_a_line(on_s3, caplog):
    """Of a copy and of a move, within a store and from a branch into its base: from where, to where, how much."""
    store = on_s3()
    store["a.txt"] = "text"
    caplog.set_level(logging.INFO, "autostore")
    store.copy("a.txt", "b.txt")
    store.move("b.txt", "c.txt")
    told = [record for record in caplog.records if record.operation == "copy"]
    assert [(record.source, *fields(record)) for record in told] == [
        ("a.txt", "copy", "b.txt", store.uri, 4, "done"), ("b.txt", "copy", "c.txt", store.uri, 4, "done"),
    ]  # fmt: skip
    assert told[0].getMessage().startswith("copy b.txt: 4 bytes in ")


def test_a_scan_is_a_line(on_s3, tmp_path, caplog):
    """When it is over, also where somebody had enough: which tables, how many rows and bytes."""
    pl = pytest.importorskip("polars")
    for store in (AutoStore(tmp_path), on_s3()):
        store.update({f"t/{n}": pl.DataFrame({"x": range(100)}) for n in range(3)})
        sizes = [entry.size for entry in store.entries("t/")]
        caplog.set_level(logging.INFO, "autostore")
        caplog.clear()
        assert store.scan("t/").select(pl.len()).collect().item() == 300
        assert store.scan("t/").head(1).collect().height == 1
        caplog.set_level(logging.WARNING, "autostore")
        whole, begun = (record for record in caplog.records if record.operation == "scan")
        assert fields(whole) == ("scan", "t/", store.uri, sum(sizes), "done")
        assert (whole.tables, whole.rows) == (3, 300)
        assert (begun.outcome, begun.rows) == ("done", 100)


def test_a_scan_that_fails_is_a_line(tmp_path, caplog):
    """It names the kind of failure."""
    pl = pytest.importorskip("polars")
    store = AutoStore(tmp_path)
    store.update({f"t/{n}": pl.DataFrame({"x": range(100)}) for n in range(3)})
    lazy = store.scan("t/")
    del store["t/1"]
    caplog.set_level(logging.INFO, "autostore")
    with pytest.raises(PreconditionFailedError):
        lazy.collect()
    told = [record.outcome for record in caplog.records if record.operation == "scan"]
    assert told == ["PreconditionFailedError"]


SLOW = """
import sys, time
from autostore import AutoStore, StorageConfig
from autostore.telling import bars

bars.PATIENCE, bars.REDRAW = 0.1, 0.05


class Slow:
    def __reduce__(self):
        time.sleep(0.1)
        return Slow, ()


store = AutoStore(sys.argv[1], StorageConfig(progress={"None": None, "True": True, "False": False}[sys.argv[2]]))
store.update({str(n): Slow() for n in range(8)})
print("done")
"""


def seen(words, *, terminal):
    """What a process shows on stderr, in a terminal or a pipe."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-W", "ignore", "-c", SLOW, *map(str, words)]
    shown = b""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        while select.select([ours], [], [], 60)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        assert process.stdout.read() == b"done\n"
    os.close(ours)
    return shown.decode()


def test_a_bar_is_for_who_looks(tmp_path):
    """In a terminal what takes a while shows one; in a pipe, or where it is turned off, nothing is written."""
    assert "of 8" in seen([tmp_path, None], terminal=True)
    assert seen([tmp_path, None], terminal=False) == ""
    assert seen([tmp_path, False], terminal=True) == ""


def opened(monkeypatch):
    """A terminal that keeps what is shown there, where a moment is none."""
    from autostore.telling import bars

    monkeypatch.setattr(bars, "PATIENCE", 0.0)
    monkeypatch.setattr(bars, "REDRAW", 0.0)
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return screen


def test_a_large_transfer_counts_its_bytes(on_s3, monkeypatch):
    """Part by part, up and down, and the bar is gone at the end."""
    screen = opened(monkeypatch)
    store = on_s3(progress=True)
    store["big"] = np.zeros(2 * MIB)
    store["big"]
    assert "write big.npy: 16.8 MB of 16.8 MB" in screen.getvalue()
    assert "read big.npy" in screen.getvalue()


@pytest.mark.parametrize("progress", [None, False])
def test_a_server_that_copies_is_waited_for_with_a_bar(on_s3, moto_s3, monkeypatch, progress):
    """Although it says nothing before it is done; none where bars are turned off."""
    screen = opened(monkeypatch)
    with Proxy(moto_s3.endpoint) as proxy:
        store = on_s3(endpoint_url=proxy.endpoint, progress=progress)
        store["a.txt"] = "text"
        proxy.latency = 0.3
        store.copy("a.txt", "b.txt")
    assert ("copy b.txt" in screen.getvalue()) == (progress is None)


def test_a_promotion_counts_its_keys(tmp_path, monkeypatch):
    """Of many small objects none takes long, and all together do."""
    screen = opened(monkeypatch)
    with AutoStore(tmp_path / "branch", StorageConfig(progress=True), base=tmp_path / "base") as branch:
        branch.update({f"k{number}": number for number in range(5)})
        branch.promote()
    assert "promote: 5 of 5" in screen.getvalue()


def test_a_scan_counts_what_it_went_through(on_s3, monkeypatch):
    """The bytes of its tables, of many small ones as of the windows of one."""
    screen = opened(monkeypatch)
    pl = pytest.importorskip("polars")
    store = on_s3()
    store.update({f"t/{n}": pl.DataFrame({"x": range(100)}) for n in range(3)})
    assert store.scan("t/").collect().height == 300
    size = sum(entry.size for entry in store.entries("t/")) / 1000
    assert f"scan t/: {size:.3g} kB of {size:.3g} kB" in screen.getvalue()


def test_dagsters_log_has_the_lines(tmp_path):
    """Where its settings name our logger, a step's log says what it moved."""
    import dagster as dg

    from autostore_dagster import AutoStoreIOManager

    @dg.asset(io_manager_key="io")
    def numbers():
        return [1]

    settings = {"python_logs": {"managed_python_loggers": ["autostore"], "python_log_level": "INFO"}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance:
        manager = AutoStoreIOManager(uri=str(tmp_path / "store"))
        done = dg.materialize([numbers], resources={"io": manager}, instance=instance)
        lines = [entry.user_message for entry in instance.all_logs(done.run_id) if entry.step_key == "numbers"]
    assert any(line.startswith("write numbers.json: ") for line in lines)


def test_settings_say_so_in_dagster(tmp_path):
    """There none is shown, unless it is asked for."""
    from autostore_dagster import AutoStoreResource, LocalStorageConfig

    for storage, wanted in [(None, False), (LocalStorageConfig(), False), (LocalStorageConfig(progress=True), True)]:
        with AutoStoreResource(uri=str(tmp_path), storage=storage).open() as store:
            assert store.config.progress is wanted
    assert S3StorageConfig().progress is None


def test_a_key_is_no_line_of_its_own(tmp_path, caplog):
    """The text of a line is one line of printable signs, whatever the key; its field is the key as it is."""
    # Mutation that this was seen to catch: the text is made of the fields.
    caplog.set_level(logging.DEBUG, "autostore")
    key = "a\n2026 ERROR\x1b[31m\u202e"
    store = AutoStore(tmp_path)
    store[key] = 1
    assert store[key] == 1
    told = [record for record in caplog.records if record.name == "autostore"]
    assert told
    assert all(record.getMessage().isprintable() and "ERROR" in record.getMessage() for record in told)
    assert {record.path for record in told} == {f"{key}.json"}
