"""The format and the place of docs/extending.md: whole, of public names only, and held by the shipped suites."""

import ast
import re
import sqlite3
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

import autostore.plugins
import autostore.s3
from autostore import AutoStore, StorageConfig, UnsupportedFormatError
from autostore.keys import parse_uri
from autostore.testing import BackendContract, EngineContract, HandlerContract, same
from tests.parsing import parsed
from tests.plugins.http_engine import PublicBackend
from tests.plugins.mail_format import EmailHandler
from tests.plugins.sqlite_place import SQLiteBackend
from tests.s3.raw import RawBucket

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "format": "tests/plugins/mail_format.py",
    "place": "tests/plugins/sqlite_place.py",
    "engine": "tests/plugins/http_engine.py",
}


def letter(text):
    message = EmailMessage()
    message["Subject"], message["From"] = "A greeting", "ann@example.org"
    message.set_content(text)
    return message


def odd_letter():
    """A message with a policy of its own, which its file does not tell."""
    message = EmailMessage(policy=policy.SMTP)
    message.set_content("x\n")
    return message


class TestEmail(HandlerContract):
    handler = EmailHandler()
    samples = (letter("hello\n"), letter("ünï ☃\n"))
    refused = (odd_letter(),)
    reads_anything = True


class TestSQLite(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path):
        backend = SQLiteBackend(parse_uri(f"sqlite://{tmp_path}/store.db"), StorageConfig())
        yield backend
        backend.close()

    def raw_write(self, backend, path, data):
        list(backend.list_files())  # makes the table
        with sqlite3.connect(backend.uri.removeprefix("sqlite://")) as database:
            database.execute("REPLACE INTO files VALUES (?, ?, ?, 'raw', 0, NULL, NULL)", [path, data, len(data)])
        database.close()

    def raw_read(self, backend, path):
        list(backend.list_files())
        with sqlite3.connect(backend.uri.removeprefix("sqlite://")) as database:
            row = database.execute("SELECT data FROM files WHERE path = ?", [path]).fetchone()
        database.close()
        return None if row is None else row[0]


class TestHttp(RawBucket, EngineContract):
    does = ("get",)

    @pytest.fixture
    def engine(self, moto_s3):
        bucket = moto_s3.make_bucket()
        backend = PublicBackend(parse_uri(f"s3://{bucket}/data/"), moto_s3.config())
        self.bucket, self.client = bucket, moto_s3.raw()
        yield backend._engine.first
        backend.close()
        self.client.close()


@pytest.fixture
def sqlite_scheme():
    AutoStore.register_backend("sqlite", SQLiteBackend)
    yield
    AutoStore.unregister_backend("sqlite")


@pytest.mark.parametrize("tag", EXAMPLES)
def test_the_page_is_the_code(tag):
    """What docs/extending.md shows, block by block, is the file that the tests run."""
    page = (ROOT / "docs" / "extending.md").read_text()
    blocks = re.findall(rf"^```python {tag}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert "".join(blocks) == (ROOT / EXAMPLES[tag]).read_text()


@pytest.mark.parametrize("file", [*EXAMPLES.values(), "autostore/backends/memory.py"])
def test_public_names_are_enough(file):
    """An example, and the place in memory, import of the library nothing but public names."""
    tree = parsed(ROOT / file)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if node.module and node.module.split(".")[0] == "autostore"]
    assert {node.module for node in ours} <= {"autostore.plugins", "autostore.s3"}
    public = {*autostore.plugins.__all__, *autostore.s3.__all__}
    assert {alias.name for node in ours for alias in node.names} <= public


def test_one_registration_brings_everything(tmp_path):
    """A registered format is chosen by type, equal by its own rule inside others, typed as media, and previewed."""
    with AutoStore(tmp_path) as store:
        store.register_handler(EmailHandler())
        store["inbox/42"] = letter("hello\n")
        found = store.get_metadata("inbox/42")
        assert (found.path, found.content_type) == ("inbox/42.eml", "message/rfc822")
        assert (tmp_path / "inbox/42.eml").read_bytes().startswith(b"Subject: A greeting")
        assert same(store["inbox/42"], letter("hello\n"))
        assert same([letter("a\n")], [letter("a\n")])
        assert not same([letter("a\n")], [letter("b\n")])


def test_a_changed_message_is_refused(tmp_path):
    """What .eml would change is refused where the key names it, and nothing is stored."""
    with AutoStore(tmp_path) as store:
        store.register_handler(EmailHandler())
        with pytest.raises(UnsupportedFormatError, match=r"odd\.eml"):
            store["odd.eml"] = odd_letter()
        assert list(store.keys()) == []


def test_a_store_in_a_database(tmp_path, sqlite_scheme):
    """A whole store works over the example place: formats change, conditions hold, another handle sees it."""
    uri = f"sqlite://{tmp_path}/store.db"
    with AutoStore(uri) as store:
        store["k"] = {"a": 1}
        store["k"] = "text"
        store["n/m"] = 1
        store.modify("n/m", lambda n: n + 1)
        store.copy("k", "copy")
    with AutoStore(uri) as other:
        assert dict(other.items()) == {"copy": "text", "k": "text", "n/m": 2}
        del other["k"]
        assert sorted(other.list_files()) == ["copy.txt", "n/m.json"]


def test_a_store_by_an_engine_of_ones_own(moto_s3):
    """What the engine does not do boto3 does; which one it is is told, and a missing key is one."""
    AutoStore.register_backend("s3", PublicBackend)
    try:
        with AutoStore(f"s3://{moto_s3.make_bucket()}/data", moto_s3.config()) as store:
            store.update({"k": {"a": 1}, "t": "words"})
            assert dict(store.items()) == {"k": {"a": 1}, "t": "words"}
            assert "no.txt" not in store
            assert store.get("no.txt") is None
            assert "engine='http'" in repr(store)
    finally:
        AutoStore.register_backend("s3", autostore.s3.S3Backend)  # as before: what is unregistered stays without one
