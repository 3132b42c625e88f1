"""The table of formats is what the registry says, on the page and in a store; one more format is one class."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from autostore import AutoStore, MissingDependencyError, UnsupportedFormatError
from autostore.handlers.named import NotedHandler
from autostore.plugins import DataHandler
from autostore.testing import HandlerContract
from tests.formats.package.autostore_subtitles import Line, Subtitles, SubtitlesHandler
from tests.formats.page import PAGE, with_table

PACKAGE = Path(__file__).parent / "package"
FILM = Subtitles([Line(1_000, 2_500, "Where were you?"), Line(3_600_000, 3_600_001, "Here.")])


def test_the_page_has_the_table():
    """docs/formats.md shows what the registry of today gives, word for word."""
    page = PAGE.read_text()
    assert page == with_table(page), "run python -m tests.formats"


def test_every_format_says_what_it_is(tmp_path):
    """Each of the library's own formats says what it holds and who else reads it."""
    with AutoStore(tmp_path) as store:
        for one in store.formats():
            assert one.types, one
            assert one.types != one.summary, one
            assert one.read_by, one


def test_nobody_takes_what_a_noted_format_refused(tmp_path):
    """Raw content that bears a format's note is refused: if another format took it, it would come back as a value."""
    with AutoStore(tmp_path) as store:
        for extension, handlers in store._registry._roster.by_extension.items():
            if any(isinstance(handler, NotedHandler) for handler in handlers):
                assert len(handlers) == 1, f"take {extension} out of handlers/well_known.py"
        with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
            store["x.toml"] = "# autostore: dict\na = 1\n"


class TestSubtitles(HandlerContract):
    handler = SubtitlesHandler()
    samples = (FILM, Subtitles())
    refused = (Subtitles([Line(0, 1, "two\nlines")]), Subtitles([Line(0, 10**12, "")]))

    def shows_damage(self, value):
        return len(value) == 1  # cut between two lines, a file is one of fewer lines


def test_one_class_and_one_line(tmp_path):
    """What a new format says of itself stands in its class, and is in the table, the preview and the errors."""

    class Missing(DataHandler):
        """Of a library that nobody has."""

        requires = ("no_such_library_here",)
        install = "somebodys-package[films]"
        types, read_by, lossy = "films", "players", {".film": "no sound"}
        named_extensions = (".film",)

        @property
        def extensions(self):
            return []

        def can_handle_data(self, data):
            return data == "film"

        def read_from_file(self, file_path, file_extension):
            raise AssertionError("its library is missing")

        def write_to_file(self, data, file_path, file_extension):
            raise AssertionError("its library is missing")

    with AutoStore(tmp_path) as store:
        store.register_handler(SubtitlesHandler())
        store.register_handler(Missing())
        store["film"] = FILM
        assert store.get_metadata("film").path == "film.subtitles.vtt"
        assert (type(store["film"]), store["film"]) == (Subtitles, FILM)
        assert store.preview(FILM) == {"lines": 2, "first": "Where were you?"}
        known = {extension: one for one in store.formats() for extension in one.extensions}
        row = known[".subtitles.vtt"]
        assert (row.types, row.read_by, row.is_inferred) == ("subtitles", "players of films", True)
        assert row.preview == "How many lines there are, and the first"
        assert not known[".film"].is_available
        shown = str(store.formats()), store.formats().markdown(), store.formats()._repr_html_()
        for text in shown:
            assert "players of films" in text
            assert "no: no sound" in text
        with pytest.raises(MissingDependencyError, match=r"pip install 'somebodys-package\[films\]'"):
            store["x.film"] = "film"


def test_a_package_brings_a_format_by_being_installed(tmp_path):
    """A process that finds the package among its own has the format in every store, registered by nobody."""
    # What `pip install --target` leaves there, without asking anybody for anything.
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    site, told = tmp_path / "site", tmp_path / "site" / "autostore_subtitles-1.0.dist-info"
    told.mkdir(parents=True)
    shutil.copy(PACKAGE / "autostore_subtitles.py", site)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["autostore.handlers"]
    (told / "entry_points.txt").write_text(
        "[autostore.handlers]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    )
    code = """
import sys
from autostore import AutoStore
from autostore_subtitles import Line, Subtitles
with AutoStore(sys.argv[1]) as store:
    store["film"] = Subtitles([Line(0, 10, "Hello")])
with AutoStore(sys.argv[1]) as store:
    assert store["film"] == [Line(0, 10, "Hello")] and type(store["film"]) is Subtitles
    print(store.get_metadata("film").path, any(".subtitles.vtt" in one.extensions for one in store.formats()))
"""
    paths = f"{site}:{Path(__file__).parents[2]}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")], env={"PYTHONPATH": paths}, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["film.subtitles.vtt", "True"], done.stderr
