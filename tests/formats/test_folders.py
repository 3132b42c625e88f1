"""`store["site.tar"] = Path("site")`: a folder under a name, a folder again, and nothing outside it touched."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from autostore import AutoStore, CorruptDataError, StorageIOError, UnsupportedFormatError


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "css" / "empty").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<h1>\xc3\xa9</h1>" * 5000)
    (folder / "css" / "ä name.css").write_text("a {}")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "css" / "link").symlink_to("../index.html")
    (folder / ("long" * 50)).write_text("long")
    return folder


def contents(folder):
    """Name -> what lies there."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path) if path.is_symlink()
        else None if path.is_dir() else (path.read_bytes(), os.access(path, os.X_OK))
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


def made(*members, end=True):
    """A .tar of anybody's: (name, content) or TarInfo."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            info.size = 0 if isinstance(member, tarfile.TarInfo) else len(member[1])
            archive.addfile(info, None if isinstance(member, tarfile.TarInfo) else io.BytesIO(member[1]))
        if not end:
            return stream.getvalue()
    return stream.getvalue()


def special(name, kind, to=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def test_a_folder_comes_back(store, site):
    """Files, empty folders, links inside and what may be run; on every place, and equal bytes for equal folders."""
    assert store.write("site.tar", site).path == "site.tar"
    back = store.read("site.tar", as_type=Path)
    assert back.is_dir()
    assert contents(back) == contents(site)
    raw = store["site.tar"]
    assert type(raw) is bytes
    os.utime(site / "run", (1, 1))
    store["again.tar"] = back
    assert store["again.tar"] == raw
    (back / "new").write_text("mine")
    assert "new" not in contents(store.read("site.tar", as_type=Path))
    assert store.path("site.tar").read_bytes() == raw


def test_other_programs_read_it_and_write_it(local_store, site, tmp_path):
    """Tar unpacks what was written, and what tar packed comes back as a folder, or as the bytes it ever was."""
    local_store["site.tar"] = site
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "xf", local_store.path("site.tar"), "-C", tmp_path / "out"], check=True, timeout=60)
    assert contents(tmp_path / "out") == contents(site)
    for form in ("gnu", "pax"):
        subprocess.run(["tar", "cf", tmp_path / "f.tar", f"--format={form}", "-C", site, "."], check=True, timeout=60)
        local_store["f.tar"] = tmp_path / "f.tar"
        assert local_store["f.tar"] == (tmp_path / "f.tar").read_bytes()
        assert contents(local_store.read("f.tar", as_type=Path)) == contents(site)


def test_a_second_process(tmp_path, site):
    """It finds the folder, and what it unpacked is gone when its store is closed."""
    with AutoStore(tmp_path / "store") as store:
        store["site.tar"] = site
    code = (
        "import sys; from pathlib import Path; from autostore import AutoStore; s = AutoStore(sys.argv[1]); "
        "p = s.read('site.tar', as_type=Path); "
        "print((p / 'css' / 'link').read_text()[:4]); s.close(); print(p.exists())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "<h1>\nFalse\n", done.stderr


HOSTILE = {
    "absolute": (("/tmp/autostore-hostile", b"x"),),
    "above": (("../hostile", b"x"),),
    "above within": (("a/../../hostile", b"x"),),
    "link out": (special("a", tarfile.SYMTYPE, "../.."),),
    "link absolute": (special("a", tarfile.SYMTYPE, "/etc"),),
    "through a link": (special("a", tarfile.SYMTYPE, ".."), ("a/hostile", b"x")),
    "through a link inside": (special("a", tarfile.SYMTYPE, "b"), ("a/hostile", b"x")),
    "link over links": (
        special("d", tarfile.DIRTYPE), special("d/e", tarfile.DIRTYPE), special("u", tarfile.SYMTYPE, "d/e"),
        special("d/e/v", tarfile.SYMTYPE, "../../u/../../x"),
    ),
    "hard link": (("b", b"x"), special("a", tarfile.LNKTYPE, "/etc/passwd")),
    "device": (special("a", tarfile.CHRTYPE),),
    "pipe": (special("a", tarfile.FIFOTYPE),),
    "twice": (("a", b"x"), ("a", b"y")),
    "file as folder": (("a", b"x"), ("a/b", b"y")),
    "deep": (("a/" * 200 + "b", b"x"),),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_leads_out(local_store, tmp_path, name):
    """An archive that would is damage; nothing outside the store is touched, and nothing of it is left."""
    local_store["h.tar"] = made(*HOSTILE[name])
    before = {path for path in tmp_path.rglob("*") if "path-" not in str(path) and "tmp" not in path.name}
    with pytest.raises(CorruptDataError, match=r"h\.tar"):
        local_store.read("h.tar", as_type=Path)
    after = {path for path in tmp_path.rglob("*") if "hostile" in path.name or "path-" in str(path)}
    assert not after
    assert {path for path in before if not path.exists()} == set()
    assert not Path("/tmp/autostore-hostile").exists()


def test_damage_is_damage(local_store, tmp_path):
    """A file that was cut anywhere, or whose header is damaged, is no folder of fewer files."""
    whole = made(("a", b"1" * 700), ("b", b"2" * 700), ("c", b"3"))
    wrong = [whole[:cut] for cut in (0, 100, 512, 1000, 1536, 2048, 3072, 4096)]
    wrong += [whole[:at] + b"\xff" + whole[at + 1 :] for at in (0, 100, 1536 + 5, 3072 + 120)]
    for data in wrong:
        local_store["d.tar"] = data
        with pytest.raises(CorruptDataError):
            local_store.read("d.tar", as_type=Path)


def test_a_sparse_bomb_does_not_unfold(local_store, tmp_path):
    """A small archive of a huge sparse file is refused before it is written."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 33)
    subprocess.run(["tar", "cSf", tmp_path / "s.tar", "-C", tmp_path, "sparse"], check=True, timeout=60)
    local_store["s.tar"] = tmp_path / "s.tar"
    with pytest.raises(CorruptDataError, match="unfolds"):
        local_store.read("s.tar", as_type=Path)


def test_what_is_no_plain_folder_is_refused(local_store, site, tmp_path):
    """Links that lead out, pipes, and names that other systems take for more; nothing is stored."""
    (site / "out").symlink_to("../../secret")
    with pytest.raises(UnsupportedFormatError, match="leads out"):
        local_store["s.tar"] = site
    (site / "out").unlink()
    os.mkfifo(site / "pipe")
    with pytest.raises(UnsupportedFormatError, match="pipe"):
        local_store["s.tar"] = site
    (site / "pipe").unlink()
    (site / "a\\b").write_text("x")
    with pytest.raises(UnsupportedFormatError, match="Rename it"):
        local_store["s.tar"] = site
    with pytest.raises(StorageIOError, match="There is no file"):
        local_store["s.tar"] = tmp_path / "none"
    assert "s.tar" not in local_store
