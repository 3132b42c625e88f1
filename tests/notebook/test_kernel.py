"""A store in a real Jupyter kernel: it shows itself as a tree, and completes its keys."""

import os
import queue
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
SECONDS = 120


class Notebook:
    """Runs cells, and gives what they show."""

    def __init__(self, client):
        self.client = client

    def run(self, code):
        """The last output of a cell, by media type."""
        return [{}, *self.all_shown(code, updates=False)][-1]

    def all_shown(self, code, *, updates=True):
        """All outputs of a cell, also those that took the place of an earlier one."""
        wanted = self.client.execute(code)
        kinds = ("execute_result", "display_data", *(["update_display_data"] if updates else []))
        shown, deadline = [], time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != wanted:
                continue
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            if kind in kinds:
                shown.append(content["data"])
            if kind == "status" and content["execution_state"] == "idle":
                return shown
        raise TimeoutError(code)

    def completed(self, code):
        """What a TAB behind the code offers."""
        reply = self.client.complete(code, len(code), reply=True, timeout=SECONDS)
        return reply["content"]["matches"]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A kernel with a store of a few keys, in a process of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        found = Notebook(client)
        found.run(
            "import polars as pl\nfrom autostore import AutoStore\nstore = AutoStore('data')\n"
            "store['flights/monday'] = pl.DataFrame({'x': [1, 2]})\nstore['flights/<b>'] = 'text'\nstore['n'] = 1"
        )
        yield found
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_store_shows_its_tree(notebook):
    """The last line of a cell shows folders, types and shapes, escaped, without a script."""
    page = notebook.run("store")["text/html"]
    for said in ("flights/", "monday", "polars.DataFrame 2 x 1", "&lt;b&gt;", "<details"):
        assert said in page
    assert "<b>'" not in page
    assert "<script" not in page


def test_info_tree_and_formats_show_themselves(notebook):
    """So do what looking gives."""
    assert "1 column" in notebook.run("store.info('flights/monday')")["text/html"]
    assert "monday" in notebook.run("store.tree('flights/')")["text/html"]
    assert ".parquet" in notebook.run("store.formats()")["text/html"]
    assert "monday" in notebook.run("store / 'flights'")["text/html"]


def test_a_stored_picture_and_table_are_shown(notebook):
    """`show` gives the picture itself, and the first rows of a table; as text where there is no page."""
    notebook.run("from PIL import Image; store['picture'] = Image.new('RGB', (60, 40), 'navy')")
    picture = notebook.run("store.show('picture')")
    assert "<img src='data:image/webp;base64," in picture["text/html"]
    table = notebook.run("store.show('flights/monday')")["text/html"]
    assert "<th>x</th>" in table
    assert "<td>2</td>" in table
    notebook.run("assert 'row_count' in str(store.show('flights/monday'))")
    assert "&lt;i&gt;" in notebook.run("store['e'] = {'<i>': '<i>'}; store.show('e')")["text/html"]


def test_a_prompt_without_pages_shows_what_print_does(notebook):
    """In IPython's terminal, too, a tree is a tree, and a picture is not its bytes."""
    assert "└── monday  .parquet" in notebook.run("store.tree('flights/m')")["text/plain"]
    assert "columns   x" in notebook.run("store.info('flights/monday')")["text/plain"]
    assert notebook.run("store.formats()")["text/plain"].strip().startswith("extension")
    notebook.run("from PIL import Image; store['seen'] = Image.new('RGB', (60, 40), 'navy')")
    assert notebook.run("store.show('seen')")["text/plain"].split()[:3] == ["seen", "width", "60"]
    notebook.run("assert 'RIFF' not in repr(store.show('seen'))")


def test_keys_complete(notebook):
    """A TAB in `store["` offers the keys that begin so."""
    matches = notebook.completed('store["flights/')
    assert any("flights/monday" in match for match in matches)
    assert not any(match.strip("'\"") == "n" for match in matches)


def test_what_takes_a_while_shows_a_bar(notebook):
    """As an element of the page, which is gone at the end."""
    code = (
        "from autostore.telling import bars; bars.PATIENCE, bars.REDRAW = 0.0, 0.0\n"
        "AutoStore('bars').update({str(n): n for n in range(5)})"
    )
    drawn = [page["text/html"] for page in notebook.all_shown(code)]
    assert any("<progress value=" in page and "of 5" in page for page in drawn)
    assert drawn[-1] == ""
