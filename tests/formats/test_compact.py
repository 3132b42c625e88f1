"""MessagePack and CBOR by name: exact or refused, read by their own libraries, and bounded where a file is hostile."""

import datetime as dt
import decimal
import subprocess
import sys
import uuid

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.handlers.documents.cbor import CBORHandler
from autostore.handlers.documents.msgpack import MsgpackHandler
from autostore.testing import same
from tests.formats.test_config import TestTOML as Named
from tests.optional import cbor2, msgpack

VALUE = {"é": [1, -1, 2.5, float("inf"), None, True, "x" * 70_000], 7: b"\0" * 300, b"k": {}, "n": [[], "", b""]}


class TestMsgpack(Named):
    handler = MsgpackHandler()
    samples = (VALUE, [], 1 << 63, [msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 2)])
    refused = ((1,), {"a": (1,)}, {1.5: 1}, {True: 1}, 1 << 64, ["\ud800"], bytearray(b"a"), [dt.date(2024, 1, 1)],
               {"a": {1, 2}})  # fmt: skip
    reads_anything = False

    def is_valid(self, content, extension):
        return content[:1] == b"\0" and len(content) == 1

    def test_extensions_are_lower_case_with_a_dot(self):
        """It names files only."""
        assert self.handler.named_extensions == (".msgpack",)


class TestCBOR(TestMsgpack):
    handler = CBORHandler()
    samples = (VALUE, [], -(1 << 3000), uuid.UUID(int=1), [dt.date(2024, 2, 29)],
               [dt.datetime(2024, 1, 1, 1, 1, 1, 5, dt.timezone(dt.timedelta(hours=-2)))])  # fmt: skip
    refused = ((1,), {(1, 2): 1}, {None: 1}, ["\ud800"], dt.datetime(2024, 1, 1), decimal.Decimal("1.10"), {1, 2},
               [dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "CET"))])  # fmt: skip

    def test_extensions_are_lower_case_with_a_dot(self):
        """It names files only."""
        assert self.handler.named_extensions == (".cbor",)


@pytest.mark.parametrize(("extension", "dump", "load"), [(".msgpack", msgpack.packb, lambda data: msgpack.unpackb(
    data, strict_map_key=False)), (".cbor", cbor2.dumps, cbor2.loads)])  # fmt: skip
def test_their_own_libraries(tmp_path, extension, dump, load):
    """What the format's library writes is read, and it reads what was written; a second process gets the same."""
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        key = f"k{extension}"
        assert store.write(key, VALUE).path == key
        assert same(load((tmp_path / key).read_bytes()), VALUE)
        (tmp_path / f"theirs{extension}").write_bytes(dump(VALUE))
        assert same(store[f"theirs{extension}"], VALUE)
        assert (store.info(key).type, store.preview(VALUE)["entries"]) == ("dict", 4)
        store[f"row{extension}"] = {"n": 1}
        assert store.read(f"row{extension}", as_type=dict[str, int]) == {"n": 1}
        store["many" + extension] = [[index] for index in range(70_000)]
        assert store["many" + extension][-1] == [69_999]
        with pytest.raises(UnsupportedFormatError, match=r"bare key or \.typed\.json"):
            store[key] = {"a": (1, 2)}
        assert same(store[key], VALUE)
    code = "import sys; from autostore import AutoStore; print(AutoStore(sys.argv[1])[sys.argv[2]])"
    command = [sys.executable, "-c", code, str(tmp_path), f"row{extension}"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "{'n': 1}\n"


HOSTILE = {
    ".msgpack": [
        (b"\xdd\xff\xff\xff\xff" * 1000, CorruptDataError),  # lists that announce more than there is
        (b"\xdf\x7f\xff\xff\xff\x01\x02", CorruptDataError),
        (b"\xc6\xff\xff\xff\xffabc", CorruptDataError),
        (b"\x91" * 10_000 + b"\xc0", CorruptDataError),
        (b"\x91" * 600 + b"\xc0", CorruptDataError),
        (b"\x82\x01\x01\x01\x02", CorruptDataError),  # a key that stands twice
        (b"\x81\x90\x01", CorruptDataError),
        (b"\x01\x02", CorruptDataError),
        (b"\xdc\xff\xff" + b"\x80" * 65_535, TooLargeError),
    ],
    ".cbor": [
        (b"\x9b\x00\x00\x01\x00\x00\x00\x00\x00" * 100, CorruptDataError),
        (b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xffabc", CorruptDataError),
        (b"\x81" * 10_000 + b"\xf6", CorruptDataError),
        (b"\xd9\xd9\xf7" * 10_000 + b"\xf6", CorruptDataError),
        (b"\xa2\x01\x01\x01\x02", CorruptDataError),
        (cbor2.dumps(cbor2.CBORTag(5, [1 << 40, 3])), CorruptDataError),  # 3 * 2 ** (1 << 40)
        (cbor2.dumps(cbor2.CBORTag(35, "(a+)+$")), CorruptDataError),
        (cbor2.dumps([[1]] * 2, value_sharing=True), CorruptDataError),
        (cbor2.dumps(cbor2.CBORTag(999, 1)), CorruptDataError),
        (b"\xf7", CorruptDataError),
        (b"\x01\x02", CorruptDataError),
        (b"\x99\xff\xff" + b"\xa0" * 65_535, TooLargeError),
    ],
}


@pytest.mark.parametrize("extension", HOSTILE)
def test_hostile_files(tmp_path, extension):
    """Depth, announced lengths and what would unfold are refused, typed; a large part that is there is no reason."""
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=5_000_000)) as store:
        key = f"k{extension}"
        store[key] = b"\x90\xa0" * 1_000_000  # most of its bytes could begin a list
        assert len(store[key]) == 2_000_000
        for content, error in HOSTILE[extension]:
            (tmp_path / key).write_bytes(content)
            with pytest.raises(error, match=key):
                store[key]


def test_what_other_programs_write_is_told(tmp_path):
    """It was "not a valid .msgpack file", and of a CBOR that says that it is one "a frozendict"."""
    store = AutoStore(tmp_path)
    (tmp_path / "keys.msgpack").write_bytes(msgpack.packb({(1, 2): 3}))
    with pytest.raises(CorruptDataError, match="list or map is a key"):
        store["keys.msgpack"]
    (tmp_path / "many.msgpack").write_bytes(msgpack.packb(1) + msgpack.packb(2))
    with pytest.raises(CorruptDataError, match="More stands behind the value"):
        store["many.msgpack"]
    (tmp_path / "said.cbor").write_bytes(cbor2.dumps(cbor2.CBORTag(55799, {"a": [1]})))
    assert store["said.cbor"] == {"a": [1]}
    assert store.info("said.cbor").type == "dict"
