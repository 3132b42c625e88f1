"""Files of an HTTP server by the bridge to fsspec: names are names, and what is sent goes to that server alone."""

import contextlib
import functools
import gzip
import http.server
import socket
import threading
import time
import warnings
from typing import ClassVar

import pytest

from autostore import (
    AutoStore,
    FsspecConfig,
    LeftOutWarning,
    StorageConnectionError,
    StorageFileNotFoundError,
    StoragePermissionError,
)
from autostore.guard.behind import all_behind

pytest.importorskip("fsspec")
aiohttp = pytest.importorskip("aiohttp")

SECRET = "a-secret-for-one-host"


@contextlib.contextmanager
def running(handler):
    """A server on this machine; gives its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Files(http.server.SimpleHTTPRequestHandler):
    """The files of a folder."""

    def log_message(self, *_):
        pass


class Answers(http.server.BaseHTTPRequestHandler):
    """The same status, headers and body to whatever is asked, and what was sent."""

    status, told, body = 200, {}, b"1"

    def do_GET(self):
        self.heard.append(dict(self.headers))
        self.send_response(self.status)
        for name, value in self.told.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def answering(**said):
    return type("Said", (Answers,), {"heard": [], **said})


def test_a_key_is_no_part_of_an_address(tmp_path):
    """What addresses have signs for is a letter like any other in a key, and leads nowhere else."""
    # Mutation that this was seen to catch: spelt gives the path as it is.
    odd = ["a b", "a%20b", "a#b", "a?b", "a+b", "ü", "a%2fb", "a%b", "a;b&c=d"]
    (tmp_path / "data").mkdir()
    for name in ("a", *odd):
        (tmp_path / "data" / f"{name}.json").write_text(f'"{name}"', encoding="utf-8")
    (tmp_path / "outside.json").write_text('"outside"')
    with running(functools.partial(Files, directory=tmp_path)) as host:
        store = AutoStore(f"fsspec+http://{host}/data")
        assert sorted(store.keys()) == sorted(["a", *odd])
        assert {key: store[key] for key in store} == {key: key for key in ["a", *odd]}
        for name in odd:
            assert store[f"{name}.json"] == name
        for key in ("%2e%2e/outside.json", ".%2E/outside.json", "..%2foutside.json", "a.json?x.json", "a.json#.json"):
            with pytest.raises(StorageFileNotFoundError):
                store[key]


def test_links_that_lead_out_of_a_listing_are_left_out():
    """A server may list what it likes."""
    links = ["ok.json", "../../out.json", "..%2f..%2fout.json", "%2e%2e/out.json", "a/../../out.json", "./b.json"]
    page = "".join(f'<a href="{link}">.</a>' for link in [*links, f"{'a' * 300}.json"]).encode()
    with running(answering(body=page, told={"Content-Type": "text/html"})) as host:
        store = AutoStore(f"fsspec+http://{host}/data")
        with pytest.warns(LeftOutWarning, match="no key can name it"):
            assert list(store.keys()) == ["ok"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)
            assert [entry.key for entry in store.entries()] == ["ok"]


@pytest.mark.parametrize(
    "options",
    [
        {"client_kwargs": {"headers": {"X-Api-Key": SECRET}}},
        {"headers": {"X-Api-Key": SECRET}},
        {"client_kwargs": {"headers": {"Authorization": aiohttp.encode_basic_auth("user", SECRET)}}}
        if hasattr(aiohttp, "encode_basic_auth")
        else {"client_kwargs": {"auth": aiohttp.BasicAuth("user", SECRET)}},
        {"client_kwargs": {"cookies": {"session": SECRET}}},
        {},
    ],
)
def test_another_host_hears_nothing(options):
    """A redirect to another host is an error, and no value of that host is taken for the store's."""
    # Mutation that this was seen to catch: staying gives the options as they are.
    other = answering()
    with (
        running(other) as elsewhere,
        running(answering(status=302, told={"Location": f"//{elsewhere}/k.json"})) as host,
    ):
        store = AutoStore(f"fsspec+http://{host}/data", FsspecConfig(options=options))
        for act in (
            lambda: store["k.json"],
            lambda: store.get("k.json"),
            lambda: "k.json" in store,
            lambda: list(store),
        ):
            with pytest.raises(StorageConnectionError, match="another one"):
                act()
    assert other.heard == []


def test_a_redirect_on_the_same_host_is_followed(tmp_path):
    """As servers do that put a slash behind a folder's name."""

    class Sends(Files):
        def do_GET(self):
            if self.path.startswith("/old/"):
                self.send_response(301)
                self.send_header("Location", self.path.replace("/old/", "/new/"))
                self.end_headers()
            else:
                super().do_GET()

        do_HEAD = do_GET

    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "k.json").write_text("1")
    with running(functools.partial(Sends, directory=tmp_path)) as host:
        assert AutoStore(f"fsspec+http://{host}/old")["k.json"] == 1


@pytest.mark.parametrize(("status", "error"), [(401, StoragePermissionError), (500, StorageConnectionError)])
def test_no_error_holds_a_header(status, error):
    """The errors of aiohttp hold what was sent, and show it in their repr."""
    # Mutation that this was seen to catch: no call of without_headers.
    config = FsspecConfig(options={"client_kwargs": {"headers": {"Authorization": f"Bearer {SECRET}"}}})
    with running(answering(status=status)) as host, pytest.raises(error) as caught:
        AutoStore(f"fsspec+http://{host}/data", config)["k.json"]
    behind = list(all_behind(caught.value))
    assert len(behind) > 1
    for one in behind:
        assert SECRET not in repr(one) + str(one) + repr(one.args) + repr(vars(one))


def test_a_server_that_says_nothing_is_no_absence():
    """Fsspec says of a time that ran out that the file is not there."""
    # Mutation that this was seen to catch: staying sets no timeout; is_absence asks of aiohttp's errors alone.
    over = threading.Event()

    class Silent(Files):
        def do_GET(self):
            over.wait(20)

        do_HEAD = do_GET

    with running(Silent) as host:
        store = AutoStore(f"fsspec+http://{host}/data", FsspecConfig(timeout=0.3))
        started = time.monotonic()
        with pytest.raises(StorageConnectionError):
            store.get("k.json")
        own = FsspecConfig(options={"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=0.3)}})
        with pytest.raises(StorageConnectionError):
            AutoStore(f"fsspec+http://{host}/data", own).get("k.json")
        over.set()
    assert time.monotonic() - started < 10


def test_a_server_that_stops_in_the_middle_of_tls():
    """What ran out is asyncio's own limit of the handshake, and passed for one of the user's: a bare TimeoutError."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes the connection, and says nothing
        host = f"localhost:{listening.getsockname()[1]}"
        store = AutoStore(f"fsspec+https://{host}/data", FsspecConfig(timeout=0.5))
        for call in (lambda: store.get("k"), lambda: store["k.json"], lambda: list(store)):
            started = time.monotonic()
            with pytest.raises(StorageConnectionError, match="https://"):
                call()
            assert time.monotonic() - started < 5


class Packs(Answers):
    """A server that sends each file packed, and says how long that is."""

    told: ClassVar = {"Content-Encoding": "gzip", "ETag": '"1"'}
    body = gzip.compress(b"[1]" + b" " * 1000)
    heard: ClassVar = []


def test_a_file_that_is_sent_packed_was_not_replaced():
    """It was said to be "replaced again and again"."""
    with running(Packs) as host, pytest.raises(StorageConnectionError, match=r"\d+ bytes, and 1003 arrive.*packs"):
        AutoStore(f"fsspec+http://{host}/")["k.json"]
