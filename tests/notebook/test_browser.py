"""What a notebook shows of a store, in a real browser: it folds, obeys nobody, and reads in light and dark."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from autostore import AutoStore
from tests.dagster.chromium import PROGRAM, browser

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="The browser test needs Chromium: apt-get install chromium")

# JupyterLab's own colours of an output, https://github.com/jupyterlab/jupyterlab/tree/main/packages/theme-dark-extension
THEMES = {"light": ("#ffffff", "#212121"), "dark": ("#111111", "#e0e0e0")}
PICTURES = Path(__file__).parents[2] / "docs" / "images"


def store_of_a_day():
    store = AutoStore("memory://data")
    store["flights/date=2013-01-01/data"] = pl.DataFrame({"carrier": ["AA"] * 842, "delay": range(842)})
    store["flights/date=2013-01-02/data"] = pl.DataFrame({"carrier": ["UA"] * 943, "delay": range(943)})
    store["model/weights"] = np.zeros((512, 64), "f4")
    store["model/settings"] = {"rate": 0.1, "when": (2013, 1)}
    store["plots/delays"] = Image.new("RGB", (640, 480), "navy")
    return store


def store_of_a_stranger():
    store = AutoStore("memory://strange")
    store["<img src=x onerror='document.title=1'>"] = "<script>document.title = 2</script>"
    return store


@pytest.mark.timeout(180)
def test_it_folds_and_is_readable_in_light_and_dark(tmp_path):
    """Folders open and close without scripts; text has the contrast of WCAG AA (4.5) in both themes; no key is obeyed.

    Where AUTOSTORE_PICTURES is set, the pictures of docs/notebooks.md are taken anew.
    """
    store, strange = store_of_a_day(), store_of_a_stranger()
    info = store.info("flights/date=2013-01-01/data")
    pages = {"store": store._repr_html_(), "info": info._repr_html_(), "strange": strange._repr_html_()}
    pages["strange"] += strange.info(next(strange.keys()))._repr_html_()
    with browser(tmp_path) as page:
        for theme, (background, colour) in THEMES.items():
            for name, shown in pages.items():
                file = tmp_path / f"{name}-{theme}.html"
                head = "<meta charset='utf-8'><title>0</title>"
                file.write_text(
                    f"{head}<body style='background:{background};color:{colour};margin:12px'>{shown}</body>"
                )
                page.open(file.as_uri(), width=900, height=230)
                page.wait_until("document.readyState === 'complete'")
                assert page.evaluate("document.title") == "0"
                assert _contrast(page, background) >= 4.5
                if name == "store":
                    assert "943" not in page.text()
                    for folder in ("flights/", "date=2013-01-02/", "model/"):
                        page.click(folder)
                    page.wait("polars.DataFrame 943 x 2", "numpy.ndarray float32 512 x 64")
                if os.environ.get("AUTOSTORE_PICTURES") and name != "strange":
                    page.picture(PICTURES / f"notebook-{name}-{theme}.png")


def _contrast(page, background):
    """The least contrast of any text on the page: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""
    script = """
    [...document.querySelectorAll('.autostore *')].filter(e => e.tagName !== 'STYLE' && e.innerText?.trim()).map(e => {
        let opacity = 1; for (let up = e; up; up = up.parentElement) opacity *= +getComputedStyle(up).opacity;
        return [...getComputedStyle(e).color.match(/[\\d.]+/g).slice(0, 3).map(Number), opacity] })
    """
    ground = [int(background[start : start + 2], 16) for start in (1, 3, 5)]

    def luminance(colour):
        parts = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(part * weight for part, weight in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))

    def ratio(entry):
        *colour, opacity = entry
        seen = [part * opacity + under * (1 - opacity) for part, under in zip(colour, ground, strict=True)]
        light, dark = sorted((luminance(seen), luminance(ground)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    return min(map(ratio, page.evaluate(script)))
