"""Each extra alone, and none, in an environment of its own: `python .ci/extras.py dist/*.whl [extra ...]`.

What an extra brings is written and read; what it does not bring is named by the extra that would. An extra that cannot
be installed on this Python is told, and ends the run as a failure.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

HEAD = """
from autostore import AutoStore, MissingDependencyError, StorageError
from autostore.equality import same
import tempfile
store = AutoStore(tempfile.mkdtemp())
def kept(key, value):
    store[key] = value
    assert same(store[key], value), key
    print("   ", store.get_metadata(key).path)
def missing(extra, act):
    try:
        act()
    except MissingDependencyError as error:
        assert f"dagster-autostore[{extra}]" in str(error), error
    else:
        raise AssertionError(extra)
kept("config", {"key": "value"})
kept("logs", [{"event": "start"}])
kept("point", (1, 2))
"""
SMOKE = {
    "": "missing('s3', lambda: AutoStore('s3://bucket/')); missing('yaml', lambda: store.write('k.yaml', [1]))",
    "s3": "print('   ', AutoStore('s3://bucket/'))",
    "fast": "print('   ', AutoStore('s3://bucket/')); import obstore",
    "polars": "import polars as pl; kept('t', pl.DataFrame({'x': [1, 2, 3]})); print(store.scan('t').collect().height)",
    "numpy": "import numpy as np; kept('a', np.arange(3)); kept('b', {'a': np.eye(2)})",
    "scipy": "import scipy.sparse as sp; kept('m', sp.eye_array(3, format='csr'))",
    "torch": "import torch; kept('w', {'w': torch.ones(2)})",
    "images": "from PIL import Image; kept('i', Image.new('RGB', (2, 2)))",
    "yaml": "kept('k.yaml', {'rate': 0.1})",
    "pandas": "import pandas as pd; kept('t', pd.DataFrame({'x': [1, 2]}))",
    "arrow": "import pyarrow as pa; kept('t', pa.table({'x': [1, 2]}))",
    "toml": "kept('k.toml', {'a': {'b': 1}})",
    "msgpack": "kept('k.msgpack', {'a': b'x', 1: 2.5})",
    "cbor": "import datetime as dt; kept('k.cbor', {'a': b'x', 'd': dt.date(2024, 1, 1)})",
    "notebooks": "import nbformat.v4 as nb; kept('k.ipynb', nb.new_notebook(cells=[nb.new_markdown_cell('a')]))",
    "avro": "import pyarrow as pa; kept('k.avro', pa.table({'x': [1, None]}))",
    "xarray": "import xarray as xr; kept('d', xr.Dataset({'a': ('x', [1.5, 2.5])}))",
    "geo": (
        "import geopandas as gpd; frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy([1.5], [2]), crs=4326); "
        "kept('g', frame); kept('g.geojson', frame)"
    ),
    "fsspec": (
        "import fsspec; there = AutoStore(fs=fsspec.filesystem('memory'), root='/d'); there['k'] = (1, 2); "
        "assert there['k'] == (1, 2)"
    ),
    "sftp": "import paramiko; print('   ', AutoStore('fsspec+sftp://127.0.0.1/folder'))",
    "gcs": "import gcsfs; print('   ', AutoStore('gs://bucket/'))",
    "sklearn": (
        "from sklearn.linear_model import LinearRegression as Line; "
        "store['m'] = Line().fit([[1.0], [2.0]], [2.0, 4.0]); print('   ', store.get_metadata('m').path); "
        "assert round(float(store['m'].predict([[3.0]])[0]), 6) == 6"
    ),
    "xgboost": (
        "import numpy as np, xgboost as xgb; rows = xgb.DMatrix(np.eye(4), label=np.arange(4)); "
        "store['b'] = xgb.train({}, rows, 2); assert store['b'].num_boosted_rounds() == 2"
    ),
    "lightgbm": (
        "import numpy as np, lightgbm as lgb; rows = lgb.Dataset(np.random.rand(50, 2), label=np.arange(50)); "
        "store['b'] = lgb.train({'verbose': -1}, rows, 2); assert store['b'].num_trees() == 2"
    ),
    "jax": "import jax.numpy as jnp; kept('a', jnp.arange(3.0))",
    "onnx": (
        "from onnx import helper; model = helper.make_model(helper.make_graph([], 'g', [], [])); "
        "store['m.onnx'] = model; assert store['m.onnx'] == model"
    ),
    "tokenizers": (
        "from tokenizers import Tokenizer, models; store['w'] = Tokenizer(models.WordLevel({'a': 0}, unk_token='a')); "
        "assert store['w'].get_vocab() == {'a': 0}"
    ),
    "plots": (
        "import altair, matplotlib.figure, plotly.graph_objects as go; kept('p', go.Figure(go.Bar(y=[1, 2]))); "
        "store['v'] = altair.Chart({'values': [{'x': 1}]}).mark_bar().encode(x='x:Q'); print('   ', store['v'].mark); "
        "store['m'] = matplotlib.figure.Figure(); print('   ', store['m'])"
    ),
    "cli": (
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'autostore.cli', 'ls', store.uri], check=True)"
    ),
    "dagster": (
        "import dagster as dg; from autostore_dagster import AutoStoreIOManager; "
        "one = dg.asset(lambda: 1, name='one'); "
        "assert dg.materialize([one], resources={'io_manager': AutoStoreIOManager(uri=store.uri)}).success; "
        "assert AutoStore(store.uri)['one'] == 1"
    ),
}


def extras(wheel: Path) -> list[str]:
    """Those that the wheel itself names."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        text = archive.read(name).decode()
    return [line.partition(": ")[2] for line in text.splitlines() if line.startswith("Provides-Extra: ")]


def tried(wheel: Path, extra: str) -> bool:
    """Whether it installs and does what it is for."""
    print(extra or "no extra", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        target = f"{wheel}[{extra}]" if extra else str(wheel)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", target]
        code = HEAD + SMOKE.get(extra, "print('   ', len(store.formats()), 'formats')")
        commands = (pip, [python, "-m", "pip", "check"], [python, "-c", code])
        return all(subprocess.run(command, cwd=folder, check=False).returncode == 0 for command in commands)


def main() -> None:
    """Try those that are named, else all but what only developers need."""
    wheel = Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or ["", *(name for name in extras(wheel) if not name.startswith(("dev", "all")))]
    failed = [name or "none" for name in names if not tried(wheel, name)]
    print(f"{len(names) - len(failed)} of {len(names)} hold on Python {sys.version.split()[0]}", *failed)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
