"""XML and notebooks by name: what was written comes back, others' files are their text, hostile ones are bounded."""

import copy
import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.handlers.documents.notebook import NotebookHandler
from autostore.handlers.documents.xml import XMLHandler
from autostore.testing import same
from tests.formats.test_config import TestTOML as Named
from tests.optional import installed, nbformat
from tests.reliability.scale import scaled

FEED = ET.fromstring(
    '<f:feed xmlns:f="urn:feed" id="1" b="&#10;&lt;"> é <f:entry>a &amp; b</f:entry>tail<x xmlns="urn:x"/></f:feed>'
)
FEED[0].insert(0, ET.Comment(" a comment "))
FEED[0].append(ET.ProcessingInstruction("target", "said"))
BOOK = nbformat.v4.new_notebook(
    metadata={"language_info": {"name": "python"}},
    cells=[
        nbformat.v4.new_markdown_cell("# Title\r\n\u2028é", id="a"),
        nbformat.v4.new_code_cell(
            "1 + 1\nprint()", id="b", execution_count=3, outputs=[
                nbformat.v4.new_output("stream", text="one\ntwo\n"),
                nbformat.v4.new_output("display_data", {"text/html": "<b>\n</b>", "application/json": {"a": [1]}}),
            ],
        ),
    ],
)  # fmt: skip


def deep(levels):
    root = element = ET.Element("a")
    for _ in range(levels - 1):
        element = ET.SubElement(element, "a")
    return root


def element(tag="a", text=None, tail=None, **attributes):
    made = ET.Element(tag, attributes)
    made.text, made.tail = text, tail
    return made


class TestXML(Named):
    handler = XMLHandler()
    samples = (FEED, ET.ElementTree(FEED), element(text="a\r\nb\tc\n", x="\r\n\t"), deep(200), "<a> as it stands\r\n")
    refused = (element(tail="x"), element(text=""), element(text="\0"), element("a b"), element(text=1), deep(201),
               element(x=1), ET.ElementTree(), element(text="\ud800"), element(ET.QName("u", "a")))  # fmt: skip

    def test_extensions_are_lower_case_with_a_dot(self):
        """It names files only."""
        assert self.handler.named_extensions == (".xml",)


class TestNotebook(Named):
    handler = NotebookHandler()
    plain = json.loads(nbformat.writes(BOOK)) if installed("nbformat") else {}
    samples = (BOOK, plain, nbformat.writes(BOOK))
    refused = (
        {}, {"cells": []}, {**plain, "nbformat": 3}, {**plain, 1: 2}, {**plain, "x": float("nan")}, {**plain, "x": ()},
        {**plain, "metadata": {"autostore": 1}}, nbformat.from_dict(plain),
        nbformat.from_dict({**plain, "cells": [{}]}),
    )  # fmt: skip

    def test_extensions_are_lower_case_with_a_dot(self):
        """It names files only."""
        assert self.handler.named_extensions == (".ipynb",)


words = st.text(max_size=6)
trees = st.recursive(
    st.builds(element, st.sampled_from(["a", "é", "{urn:x}b"]), st.none() | words, st.none() | words, x=words),
    lambda inner: st.builds(
        lambda root, children: (root.extend(copy.deepcopy(children)), root)[1],
        st.builds(element, st.sampled_from(["a", "_1"]), st.none() | words), st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip


def test_any_tree_comes_back_or_is_refused(tmp_path):
    """Names, texts, tails, attributes and their order; a refusal leaves what was there."""
    with AutoStore(tmp_path) as store:
        kept = 0

        @settings(deadline=None, max_examples=scaled(40, 100_000))
        @given(tree=trees)
        def run(tree):
            nonlocal kept
            store["k.xml"] = FEED
            try:
                store["k.xml"] = tree
                kept += 1
            except UnsupportedFormatError:
                tree = FEED
            assert same(store["k.xml"], tree)

        run()
        assert kept


def test_xml_is_anybodys(tmp_path):
    """The standard library reads what was written; of others' files the text comes back, and elements on request."""
    with AutoStore(tmp_path) as store:
        store["own.xml"] = FEED
        tree = ET.parse(tmp_path / "own.xml").getroot()
        assert (tree.tag, tree.attrib, tree[0].text) == (FEED.tag, FEED.attrib, "a & b")
        theirs = '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">\n<a><!-- no --><b/></a>'
        store["theirs.xml"] = theirs
        assert store["theirs.xml"] == theirs
        assert [child.tag for child in store.read("theirs.xml", as_type=ET.Element)] == ["b"]
        assert store.read("theirs.xml", as_type=ET.ElementTree).getroot().tag == "a"
        assert store.read("own.xml", as_type=str).startswith("<?xml")
        assert (store.info("own.xml").type, store.info("theirs.xml").type) == ("xml.etree.ElementTree.Element", "str")
        assert store.preview(FEED, format="xml")["elements"] == 5
        with pytest.raises(UnsupportedFormatError, match="as_type"):
            store.read("theirs.xml", as_type=dict)
        with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
            store["copy.xml"] = store.read("own.xml", as_type=str)
    code = "import sys; from autostore import AutoStore; print(AutoStore(sys.argv[1])['own.xml'].get('id'))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "1\n"


LAUGHS = "<!DOCTYPE a [" + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20)) + "]><a>&e19;</a>"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (LAUGHS, CorruptDataError),
        ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', CorruptDataError),
        ('<!DOCTYPE a [<!ATTLIST a x CDATA "long">]><a/>', CorruptDataError),
        ("<a>" * 100_000 + "</a>" * 100_000, TooLargeError),
        ("<a>" * 3_000 + "</a>" * 3_000, CorruptDataError),
        ("<a>&undeclared;</a>", CorruptDataError),
        ("<a", CorruptDataError),
        ("", CorruptDataError),
    ],
)
@pytest.mark.parametrize("note", ["", '<?xml version="1.0" encoding="utf-8"?>\n<!-- autostore: Element -->\n'])
def test_hostile_xml(tmp_path, text, error, note):
    """Entities, defaults of attributes, depth: typed, before they unfold."""
    # Mutation that this was seen to catch: a plain TreeBuilder reads what a file declares.
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=20_000_000)) as store:
        (tmp_path / "k.xml").write_text(note + text)
        with pytest.raises(error):
            store.read("k.xml", as_type=ET.Element)
        if note:
            with pytest.raises(error):
                store["k.xml"]


def test_notebooks_are_anybodys(tmp_path):
    """Jupyter's library reads what was written, and after it saved a notebook the node still comes back."""
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        store["own.ipynb"] = BOOK
        opened = nbformat.read(tmp_path / "own.ipynb", as_version=4)
        nbformat.validate(opened)
        assert opened.cells == BOOK.cells
        opened.cells.append(nbformat.v4.new_code_cell("2"))
        nbformat.write(opened, tmp_path / "own.ipynb")
        assert type(store["own.ipynb"]) is nbformat.NotebookNode
        assert (len(store["own.ipynb"].cells), store["own.ipynb"].metadata) == (3, BOOK.metadata)
        theirs = nbformat.writes(BOOK)
        (tmp_path / "theirs.ipynb").write_text(theirs)
        assert store["theirs.ipynb"] == theirs
        assert store.read("theirs.ipynb", as_type=nbformat.NotebookNode).cells == BOOK.cells
        assert store.read("theirs.ipynb", as_type=dict) == json.loads(theirs)
        assert store.preview(BOOK, format="ipynb")["cells"] == 2
        (tmp_path / "old.ipynb").write_text('{"nbformat": 3, "worksheets": []}')
        with pytest.raises(CorruptDataError, match="as_type=dict"):
            store.read("old.ipynb", as_type=nbformat.NotebookNode)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: text[: len(text) // 2], CorruptDataError),
        (lambda text: text.replace('"v": 1', '"v": 2'), CorruptDataError),
        (lambda text: text.replace("[]", "[" * 5_000 + "]" * 5_000), CorruptDataError),
        (lambda text: text.replace("[]", "[" * 150 + "]" * 150), CorruptDataError),
        (lambda text: text.replace("[]", "[" + "{}," * 20_000 + "{}]"), TooLargeError),
        (lambda text: text.replace('"cells": []', '"cells": 5'), CorruptDataError),
    ],
)
def test_hostile_notebooks(tmp_path, change, error):
    """Cuts, depth and what would unfold are refused, typed."""
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=10_000_000)) as store:
        store["k.ipynb"] = nbformat.v4.new_notebook()
        text = change((tmp_path / "k.ipynb").read_text())
        (tmp_path / "k.ipynb").write_text(text)
        for kind in (nbformat.NotebookNode, dict) if '"cells": 5' not in text else (nbformat.NotebookNode,):
            with pytest.raises(error):
                store.read("k.ipynb", as_type=kind)


def test_xml_in_the_encoding_that_it_declares(tmp_path):
    """It was to be saved as UTF-8, whatever it said of itself; entities stay refused in any encoding."""
    store = AutoStore(tmp_path)
    said = '<?xml version="1.0" encoding="ISO-8859-1"?>{}<a>é</a>'
    (tmp_path / "k.xml").write_bytes(said.format("").encode("latin-1"))
    assert store.read("k.xml", as_type=ET.Element).text == "é"
    with pytest.raises(UnsupportedFormatError, match=r"XML in ISO-8859-1.*ElementTree.Element"):
        store["k.xml"]
    (tmp_path / "k.xml").write_bytes(said.format('<!DOCTYPE a [<!ENTITY b "c">]>').encode("latin-1"))
    with pytest.raises(CorruptDataError, match="unfold without end"):
        store.read("k.xml", as_type=ET.Element)
