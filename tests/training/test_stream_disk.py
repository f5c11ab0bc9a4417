"""Rows that are kept on disk come back to the bit."""

import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.training.data import Rows
from chainrule.training.stream import Stream, row_bytes
from chainrule.training.stream_disk import DiskError, DiskSource


def table(rows=5000, seed=0):
    """Numbers, and columns of 0 and 1; in some blocks they are so by chance."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 9)).astype(np.float32)
    X[:, [0, 3, 4, 8]] = X[:, [0, 3, 4, 8]] > 0
    X[: rows // 2, 5] = 1
    X[0, 3] = -0.0
    return Rows(X, rng.integers(0, 3, rows))


def kept(rows, step=777, **options):
    source = DiskSource(rows, **options)
    for start in range(0, len(rows), step):
        source.append(rows.take(slice(start, start + step)))
    source.finish()
    return source


def back(source):
    (batch,) = Stream(source, np.dtype(np.float32)).batches(len(source))
    return batch


def small(rows):
    """Options for blocks of about 100 rows."""
    return {"window_bytes": 1600 * row_bytes(rows)}


def test_rows_come_back_to_the_bit():
    rows = table()
    with kept(rows, **small(rows)) as source:
        assert len(source.sizes) > 10
        found = back(source)
    assert found.X.tobytes() == rows.X.tobytes()
    assert (found.y == rows.y).all()


@pytest.mark.parametrize("columns", [[0, 3], [1, 2], [0]])
def test_columns_may_be_all_bits_or_all_numbers(columns):
    rows = table()
    rows = Rows(np.ascontiguousarray(rows.X[:, columns]), rows.y)
    with kept(rows) as source:
        assert back(source).X.tobytes() == rows.X.tobytes()


def test_weights_are_kept():
    rows = table(100)
    weights = np.arange(1, 101, dtype=np.float32)
    rows = Rows(rows.X, rows.y, weights)
    with kept(rows) as source:
        assert back(source).weights.tolist() == weights.tolist()


def test_columns_of_zeros_and_ones_take_a_bit():
    X = (np.arange(80_000).reshape(-1, 8) % 3 == 0).astype(np.float32)
    rows = Rows(X, np.zeros(len(X), np.int8))
    with kept(rows) as source:
        size = os.fstat(source._file.fileno()).st_size
    assert size == len(X) * (1 + 1)  # a byte of bits, a byte of y


def test_how_rows_were_appended_makes_no_difference():
    rows = table()
    prints = []
    for step in (1000, 4999):
        with kept(rows, step, **small(rows)) as source:
            prints.append((source.fingerprint(), source.sizes.tolist()))
    with kept(table(seed=1)) as other:
        assert prints[0] == prints[1]
        assert other.fingerprint() != prints[0][0]


def test_no_file_is_left(tmp_path):
    with kept(table(), folder=tmp_path):
        assert not list(tmp_path.iterdir())  # not even while it is used


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DiskError, match="nowhere"):
        DiskSource(table(1), folder=tmp_path / "nowhere")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a full disk")
def test_a_full_disk_is_said_with_what_to_do():
    with DiskSource(table(), **small(table())) as source:
        source._file.close()
        source._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed by the source
        with pytest.raises(DiskError, match=r"No space left.*more room"):
            source.append(table())


def test_a_file_that_was_cut_off_is_found_out():
    rows = table()
    with kept(rows, **small(rows)) as source:
        source._file.truncate(10_000)
        with pytest.raises(DiskError, match="cut off"):
            back(source)


def test_a_closed_source_says_so():
    source = kept(table())
    source.close()
    with pytest.raises(DiskError, match="cannot be read"):
        back(source)


def test_other_rows_than_float32_are_refused():
    with pytest.raises(TypeError, match="float64"):
        DiskSource(Rows(np.zeros((0, 1)), np.zeros(0)))
