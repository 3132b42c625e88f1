"""Figures: of Plotly and Altair as their JSON, which comes back; of Matplotlib as what is drawn, one way."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest

from autostore import (
    AutoStore,
    CorruptDataError,
    StorageConfig,
    TooLargeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.handlers.figures.described import AltairHandler, PlotlyHandler
from autostore.testing import HandlerContract, same
from tests.optional import Image, alt, go, np, optional, pd, plotly

Figure = optional("matplotlib.figure").Figure

FRAME = pd.DataFrame({"a": [1, 2, None], "t": pd.date_range("2024-01-01", periods=3), "c": list("xyx")})
BARS = alt.Chart(FRAME).mark_bar().encode(x="a:Q", y="c:N")
ODD = go.Scatter(x=[dt.datetime(2024, 1, 1)], y=[np.nan], text=["</script><script>é"])


class TestPlotly(HandlerContract):
    handler = PlotlyHandler()
    samples = (
        go.Figure(),
        go.Figure(go.Heatmap(z=np.random.default_rng(0).random((3, 3))), {"title": {"text": "Heat"}}),
        go.Figure(ODD),
        go.Figure(go.Bar(x=list("ab"), y=[1, 2]), frames=[go.Frame(data=[go.Bar(y=[2, 1])])]),
    )

    def shows_damage(self, value: Any) -> bool:
        return True


class TestAltair(HandlerContract):
    handler = AltairHandler()
    samples = (
        BARS,
        BARS + alt.Chart(FRAME).mark_line().encode(x="t:T", y="a:Q"),
    )
    refused = (alt.Chart(pd.DataFrame({"a": range(6000)})).mark_bar(),)


def drawn() -> Figure:
    figure = Figure(figsize=(3, 2), dpi=50)
    figure.subplots().plot([1, 2, 3])
    return figure


@pytest.fixture
def store(tmp_path: Path) -> AutoStore:
    return AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))


def test_what_is_drawn_comes_back_as_what_was_drawn(store: AutoStore) -> None:
    """A picture under a bare key; by name a text, bytes, a picture; and the same bytes each time."""
    assert store.write("fig", drawn()).path == "fig.png"
    assert isinstance(store["fig"], Image.Image)
    assert store["fig"].size == (150, 100)
    store["fig.svg"], store["fig.pdf"], store["other.png"] = drawn(), drawn(), drawn()
    assert type(store["fig.svg"]) is str
    assert "<svg" in store["fig.svg"]
    assert store["fig.pdf"][:5] == b"%PDF-"
    assert same(store["other.png"], store["fig"])
    before = store.read("fig.pdf", as_type=bytes), store["fig.svg"].count("\n")
    store["fig.pdf"], store["fig.svg"] = drawn(), drawn()
    assert (store.read("fig.pdf", as_type=bytes), store["fig.svg"].count("\n")) == before
    assert store.preview(drawn())["width"] == 150
    with pytest.raises(UnsupportedFormatError):
        store["fig.jpg"] = drawn()


def test_within_a_value_nothing_is_drawn(store: AutoStore) -> None:
    """There a part comes back as it was, or the value is refused."""
    with pytest.raises(UntrustedDataError):
        store["k"] = {"figure": drawn(), "score": 1}
    value = {"figure": go.Figure(go.Bar(y=[1])), "chart": BARS, "score": 1}
    assert store.write("k", value).path == "k.bundle.zip"
    assert same(store["k"], value)


def test_pages(store: AutoStore) -> None:
    """A key that names .html keeps the page, of which the text comes back."""
    store["p.html"], store["a.html"] = go.Figure(ODD), BARS
    assert "Plotly.newPlot" in store["p.html"]
    assert "vega-lite" in store["a.html"]
    assert store.write("bare", go.Figure(ODD)).path == "bare.plotly"


def test_its_own_library_reads_it(store: AutoStore, tmp_path: Path) -> None:
    """And what it wrote is read here."""
    store["p"], store["a"] = go.Figure(ODD), BARS
    assert same(plotly.io.read_json(str(tmp_path / "store" / "p.plotly")), go.Figure(ODD))
    assert same(alt.Chart.from_json((tmp_path / "store" / "a.vl").read_text()), BARS)
    plotly.io.write_json(go.Figure(ODD), str(tmp_path / "store" / "q.plotly"))
    BARS.save(str(tmp_path / "store" / "b.json"))
    (tmp_path / "store" / "b.json").rename(tmp_path / "store" / "b.vl")
    assert same(store["q"], go.Figure(ODD))
    assert same(store["b"], BARS)


def test_every_kind_of_chart(store: AutoStore) -> None:
    """Charts of charts come back as what they were."""
    for chart in (BARS | BARS.interactive(), BARS.facet("c"), alt.Chart("https://example.org/x.csv").mark_point()):
        store["k"] = chart
        assert same(store["k"], chart)
        assert type(store["k"]) is type(chart)


def test_the_table_says_one_way(store: AutoStore) -> None:
    """`store.formats()` has a row for what is drawn, and says what comes back."""
    rows = [one for one in store.formats() if "one way" in one.types]
    assert {extension for one in rows for extension in one.lossy} == {".png", ".svg", ".pdf", ".html", ".htm"}
    assert "one way: a picture comes back" in store.formats().markdown()


@pytest.mark.parametrize(
    "content", [b"[]", b'{"data": 3}', b'{"data": [], "data": []}', b"[" * 5000, b'{"x": NaN}', b"{"]
)
@pytest.mark.parametrize("name", ["k.plotly", "k.vl"])
def test_what_describes_no_figure(tmp_path: Path, content: bytes, name: str) -> None:
    """Is an error that says so."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorruptDataError):
        AutoStore(tmp_path)[name]


def test_a_figure_is_within_the_ceiling(tmp_path: Path) -> None:
    """JSON unfolds in memory."""
    (tmp_path / "k.plotly").write_bytes(io.BytesIO(b'{"data": [' + b" " * 100_000 + b"]}").getvalue())
    with pytest.raises(TooLargeError):
        AutoStore(tmp_path, StorageConfig(max_read_bytes=1_000_000))["k"]
