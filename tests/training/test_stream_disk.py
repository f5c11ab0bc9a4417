"""Rows that are kept on disk come back to the bit."""

from pathlib import Path

import numpy as np
import pytest

from chainrule.training import stream_disk
from chainrule.training.data import Rows, batch_bounds
from chainrule.training.stream import Stream
from chainrule.training.stream_disk import (
    ClassWeighted,
    DiskError,
    PackedSource,
    PlainSource,
    disk_source,
)
from chainrule.training.stream_source import entry_bytes, row_bytes

FLOAT32 = np.dtype(np.float32)


@pytest.fixture(params=[PlainSource, PackedSource])
def kind(request):
    """How rows are kept."""
    return request.param


def table(rows=5000, seed=0):
    """Numbers, and columns of 0 and 1; in some blocks they are so by chance."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 9)).astype(np.float32)
    X[:, [0, 3, 4, 8]] = X[:, [0, 3, 4, 8]] > 0
    X[: rows // 2, 5] = 1
    X[0, 3] = -0.0
    return Rows(X, rng.integers(0, 3, rows))


def kept(kind, rows, step=777, **options):
    source = kind(rows, **options)
    for start in range(0, len(rows), step):
        source.append(rows.take(slice(start, start + step)))
    source.finish()
    return source


def back(source):
    (batch,) = Stream(source, FLOAT32).batches(len(source))
    return batch


def first_file(source):
    return source._file if isinstance(source, PackedSource) else source._files[0]


def small(rows):
    """Options for blocks of about 100 rows."""
    return {"window_bytes": 1600 * row_bytes(rows)}


def test_rows_come_back_to_the_bit(kind):
    rows = table()
    with kept(kind, rows, **small(rows)) as source:
        assert len(source.sizes) > 10
        found = back(source)
    assert found.X.tobytes() == rows.X.tobytes()
    assert (found.y == rows.y).all()


@pytest.mark.parametrize("columns", [[0, 3], [1, 2], [0]])
def test_columns_may_be_all_bits_or_all_numbers(kind, columns):
    rows = table()
    rows = Rows(np.ascontiguousarray(rows.X[:, columns]), rows.y)
    with kept(kind, rows) as source:
        assert back(source).X.tobytes() == rows.X.tobytes()


def test_weights_are_kept(kind):
    rows = table(100)
    weights = np.arange(1, 101, dtype=np.float32)
    rows = Rows(rows.X, rows.y, weights)
    with kept(kind, rows) as source:
        assert back(source).weights.tolist() == weights.tolist()


def test_columns_of_zeros_and_ones_take_a_bit_where_rows_are_packed():
    X = (np.arange(80_000).reshape(-1, 8) % 3 == 0).astype(np.float32)
    rows = Rows(X, np.zeros(len(X), np.int8))
    with kept(PackedSource, rows) as source:
        assert first_file(source).size == len(X) * (1 + 1)  # a byte each of bits and y


def test_rows_are_plain_where_the_system_can_have_them_in_memory(monkeypatch, tmp_path):
    like = table(1)
    room = 2 * 1000 * entry_bytes(like)
    monkeypatch.setattr(stream_disk, "available", lambda: room)
    for rows, expected in ((1000, PlainSource), (1001, PackedSource)):
        with disk_source(like, rows, folder=tmp_path) as source:
            assert type(source) is expected
    with pytest.raises(DiskError, match="nowhere"):
        disk_source(like, 1000, folder=tmp_path / "nowhere")


@pytest.mark.parametrize("held", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_how_rows_are_kept_makes_no_difference(held, weighted):
    rows = table()
    order, prints = [], []
    for kind in (PlainSource, PackedSource):
        with kept(kind, rows, **small(rows)) as source:
            prints.append(source.fingerprint())
            by_class = ClassWeighted(source, np.array([1.0, 2.0, 0.5]))
            stream = Stream(by_class if weighted else source, FLOAT32, held=held)
            bounds = batch_bounds(len(stream), 64)
            found = [
                [b"" if part is None else part.tobytes() for part in batch.arrays]
                for piece in stream.pieces(0, 1, bounds)
                for batch in [piece.rows.take(piece.order[: piece.bounds[-1]])]
            ]
            assert len(found) > 2
            order.append((found, stream.total_weight()))
    assert prints[0] == prints[1]
    assert order[0] == order[1]


def test_rows_that_are_plain_are_read_in_place():
    rows = table()
    with kept(PlainSource, rows, **small(rows)) as source:
        stream = Stream(ClassWeighted(source, np.array([1.0, 2.0, 0.5])), FLOAT32)
        pieces = list(stream.pieces(0, 0, batch_bounds(len(rows), 64)))
        assert all(isinstance(array, np.memmap) for array in pieces[0].rows.arrays)
        assert all(piece.rows is pieces[0].rows for piece in pieces)
    # They stay for as long as somebody has them.
    assert pieces[0].rows.X.tobytes() == rows.X.tobytes()


def test_how_rows_were_appended_makes_no_difference(kind):
    rows = table()
    prints = []
    for step in (1000, 4999):
        with kept(kind, rows, step, **small(rows)) as source:
            prints.append((source.fingerprint(), source.sizes.tolist()))
    with kept(kind, table(seed=1)) as other:
        assert prints[0] == prints[1]
        assert other.fingerprint() != prints[0][0]


def test_no_file_is_left(kind, tmp_path):
    with kept(kind, table(), folder=tmp_path):
        assert not list(tmp_path.iterdir())  # not even while it is used


def test_a_folder_that_is_not_there_is_named(kind, tmp_path):
    with pytest.raises(DiskError, match="nowhere"):
        kind(table(1), folder=tmp_path / "nowhere")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a full disk")
def test_a_full_disk_is_said_with_what_to_do(kind):
    with kind(table(), **small(table())) as source:
        file = first_file(source)
        file.close()
        file._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed by the source
        with pytest.raises(DiskError, match=r"No space left.*more room"):
            source.append(table())


def test_a_file_that_was_cut_off_is_found_out(kind):
    rows = table()
    with kept(kind, rows, **small(rows)) as source:
        first_file(source)._file.truncate(10_000)
        with pytest.raises(DiskError, match=r"cannot be read: .*(cut off|file size)"):
            back(source)


def test_a_closed_source_says_so(kind):
    source = kept(kind, table())
    source.close()
    with pytest.raises(DiskError, match="cannot be read"):
        source.read(0, source.like)
    if isinstance(source, PlainSource):
        with pytest.raises(DiskError, match="cannot be read"):
            source.in_place()


def test_other_rows_than_float32_are_refused(kind):
    with pytest.raises(TypeError, match="float64"):
        kind(Rows(np.zeros((0, 1)), np.zeros(0)))
