"""SciPy's sparse matrices and arrays."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore.errors import CorruptDataError
from autostore.handlers import arrays
from autostore.handlers.sparse import SparseHandler
from autostore.testing import HandlerContract, same
from tests.optional import installed, np, scipy, sp

HANDLER = SparseHandler()
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
CLASSES = tuple(getattr(sp, f"{name}_{kind}") for name in FORMATS for kind in ("matrix", "array"))
DENSE = np.array([[1.0, 0, -0.0], [0, np.nan, 2], [0, 0, 0], [3, 0, 0]])


def unsorted() -> Any:
    return sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))


def duplicates() -> Any:
    return sp.coo_array((np.array([1, 2, 0]), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 2))


def explicit_zero() -> Any:
    matrix = sp.csr_matrix(DENSE)
    matrix.data[0] = 0
    return matrix


def out_of_order() -> Any:
    matrix = sp.dok_array((3, 3))
    for place in ((2, 1), (0, 2), (1, 0)):
        matrix[place] = sum(place)
    return matrix


def labelled() -> Any:
    matrix = sp.coo_array(DENSE)
    matrix.label = "metres"
    return matrix


# SciPy before 1.17 writes it, and cannot read it.
FLAT, NOT_READ = [sp.coo_array(np.array([1, 0, 2]))], []
if installed("scipy") and int(scipy.__version__.split(".")[1]) < 17:
    FLAT, NOT_READ = NOT_READ, FLAT


class Mine(sp.csr_array):
    pass


class TestSparseHandler(HandlerContract):
    handler = SparseHandler()
    samples = (
        *(cls(DENSE) for cls in CLASSES),
        *(cls(np.eye(4, dtype=dtype)) for cls in CLASSES for dtype in ("i1", "?", "c16", "u8", "f4")),
        *(cls((3, 2)) for cls in CLASSES),
        unsorted(),
        duplicates(),
        explicit_zero(),
        out_of_order(),
        sp.bsr_array(np.kron(np.eye(2), np.ones((2, 3))), blocksize=(2, 3)),
        sp.csr_array(np.array([1, 0, 2])),
        *FLAT,
        sp.csr_array((0, 5)),
    )
    refused = (labelled(), *([Mine(np.eye(2))] if installed("scipy") else []), np.eye(2), [1], *NOT_READ)


def test_scipy_reads_the_file(tmp_path: Path) -> None:
    """It is SciPy's own format, with one more member that names the class."""
    for cls in CLASSES:
        HANDLER.write_to_file(cls(DENSE), tmp_path / "f.sparse", ".sparse")
        with open(tmp_path / "f.sparse", "rb") as file:
            matrix = sp.load_npz(file)
        assert np.array_equal(matrix.toarray(), DENSE, equal_nan=True)
        with zipfile.ZipFile(tmp_path / "f.sparse") as archive:
            mark = json.loads(archive.read("autostore.json"))
        assert mark == {"v": 1, "type": f"scipy.sparse.{cls.__name__}"}


@pytest.mark.parametrize("compressed", [True, False])
def test_files_of_scipy_are_read(tmp_path: Path, compressed: bool) -> None:
    """Whatever save_npz writes comes back as load_npz gives it."""
    for cls in (sp.csr_array, sp.csc_matrix, sp.coo_array, sp.bsr_matrix, sp.dia_array):
        with open(tmp_path / "f.sparse", "wb") as file:
            sp.save_npz(file, cls(DENSE), compressed=compressed)
        assert same(HANDLER.read_from_file(tmp_path / "f.sparse", ".sparse"), cls(DENSE))


def lay(file: Path, mark: Any, **members: Any) -> None:
    with open(file, "wb") as stream:
        np.savez(stream, **members)
    if mark is not None:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("autostore.json", json.dumps(mark))


CSR = {"format": np.array(b"csr"), "shape": np.array([2, 2]), "data": np.ones(2)}


@pytest.mark.parametrize(
    "members",
    [
        CSR | {"indices": np.array([0, 10**6]), "indptr": np.array([0, 1, 2])},
        CSR | {"indices": np.array([0, -5]), "indptr": np.array([0, 1, 2])},
        CSR | {"indices": np.array([0, 1]), "indptr": np.array([0, 10**6, 2])},
        CSR | {"indices": np.array([0, 1]), "indptr": np.array([0, 1, 2]), "format": np.array(b"xyz")},
        {"format": np.array(b"coo"), "shape": [2, 2], "data": np.ones(1), "row": np.array([9]), "col": np.array([0])},
    ],
)
def test_indexes_out_of_bounds_are_an_error(tmp_path: Path, members: Any) -> None:
    """SciPy would index memory by them without looking."""
    lay(tmp_path / "f.sparse", None, **members)
    with pytest.raises(ValueError):
        HANDLER.read_from_file(tmp_path / "f.sparse", ".sparse")


@pytest.mark.parametrize(
    "mark",
    [
        {"v": 2, "type": "scipy.sparse.csr_array"},
        {"v": 1, "type": "scipy.sparse.load_npz"},
        {"v": 1, "type": "os.system"},
        {"v": 1, "type": "scipy.sparse.csr_array" + "x" * 20_000},
    ],
)
def test_a_mark_that_is_not_known_is_an_error(tmp_path: Path, mark: Any) -> None:
    """Only the fourteen classes are ever made."""
    lay(tmp_path / "f.sparse", mark, **CSR, indices=np.array([0, 1]), indptr=np.array([0, 1, 2]))
    with pytest.raises(CorruptDataError):
        HANDLER.read_from_file(tmp_path / "f.sparse", ".sparse")


def test_bombs_and_pickles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds of .npz hold here too, and no object array is loaded."""
    members = CSR | {"indices": np.array([0, 1]), "indptr": np.array([0, 1, 2])}
    lay(tmp_path / "f.sparse", None, **members | {"data": np.array([None, None])})
    with pytest.raises(ValueError, match="pickle"):
        HANDLER.read_from_file(tmp_path / "f.sparse", ".sparse")
    monkeypatch.setattr(arrays, "FREE_EXPANSION", 10**5)
    with open(tmp_path / "f.sparse", "wb") as stream:
        np.savez_compressed(stream, **members | {"data": np.zeros(10**6)})
    with pytest.raises(CorruptDataError, match="claims to hold"):
        HANDLER.read_from_file(tmp_path / "f.sparse", ".sparse")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    cls=st.sampled_from(CLASSES),
    dtype=st.sampled_from(["f8", "f4", "i4", "u1", "?", "c8"]),
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_every_matrix_comes_back_exactly(
    tmp_path: Path, cls: Any, dtype: str, rows: int, columns: int, seed: int
) -> None:
    """Class, shape, dtype, structure and values."""
    dense = np.random.default_rng(seed).integers(0, 3, (rows, columns)).astype(dtype)
    HANDLER.write_to_file(cls(dense), tmp_path / "f.sparse", ".sparse")
    back = HANDLER.read_from_file(tmp_path / "f.sparse", ".sparse")
    assert same(back, cls(dense))
    assert np.array_equal(back.toarray(), dense)
