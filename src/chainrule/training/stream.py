"""Training on more rows than memory holds: they come window by window.

A `Source` has rows in blocks that are read one at a time. An epoch goes through the
blocks in an order that the seed and the number of the epoch choose, and through the
rows of several blocks together, a *window*, in a random order. While the program trains
on one window, another thread reads the next: two windows are all that is in memory.
Rows that lie in arrays, in memory or in mapped files, stay where they are: a window is
then the part of the order that has them, and the other thread sees to it that the file
is in memory where it is read next.

How well rows are mixed: two rows of one block are always in the same window, though
seldom in the same batch, and which blocks share a window differs from epoch to epoch.
A window holds many blocks, so that it is a fair sample of all rows even where the
source is sorted. Where everything fits into one window, rows are visited in the very
order that `fit` has for arrays, and the result has the same bits.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.ir import Array, DType
from chainrule.random import permutation, row_words
from chainrule.training.data import Rows, batch_bounds, native
from chainrule.training.stream_pages import bring, forget
from chainrule.training.stream_source import WINDOWS_IN_MEMORY, Source, row_bytes


@dataclass(frozen=True)
class Piece:
    """Rows in memory, the order in which to visit them, and where batches begin.

    `before` is the number of steps that were taken in the epoch.
    """

    rows: Rows
    order: Array
    bounds: Array
    before: int = 0

    @property
    def weights(self) -> Array:
        """What each batch counts for."""
        if self.rows.weights is None:
            return np.diff(self.bounds)
        # What is behind the last batch is left for the next window.
        order = self.order[: self.bounds[-1]]
        return np.add.reduceat(self.rows.weights[order], self.bounds[:-1])


@dataclass(frozen=True)
class _Window:
    """Which blocks are read, and which steps of the epoch are taken on their rows.

    `carried` rows come from the window before, in which they filled no batch.
    """

    number: int
    blocks: Array
    carried: int
    first: int
    stop: int


class Stream:
    """The rows of a source that are trained on, as numbers of `dtype`.

    Where `held` is not 0, that share of the rows is left out, by a hash of `seed` and
    the number of the row.
    """

    def __init__(
        self,
        source: Source,
        dtype: DType,
        *,
        labels: bool = False,
        held: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.source = source
        self._dtype, self._held, self._seed = dtype, held, seed
        self._like = _converted(source, dtype, labels=labels)
        self._in_place = _in_place(source, self._like)
        blocks = np.asarray(source.sizes, np.int64)
        self._firsts = np.concatenate([[0], np.cumsum(blocks)])
        self.sizes = blocks
        if held:
            kept = [int(self._kept(block).sum()) for block in range(len(blocks))]
            self.sizes = np.asarray(kept, np.int64)
        self._buffers: list[Rows] = []
        self._scratch = self.empty(int(blocks.max(initial=0))) if held else None
        self._weight: float | None = None
        if len(self) == 0:
            raise ValueError(f"there are no training rows in {source.name}")

    def __len__(self) -> int:
        return int(self.sizes.sum())

    @property
    def columns(self) -> Sequence[str] | None:
        """What the columns of `X` are called, if anything."""
        return self.source.columns

    def fingerprint(self) -> str:
        """A checksum of all rows of the source."""
        return self.source.fingerprint()

    def hold_out(self, fraction: float, seed: int) -> tuple["Stream", Rows]:
        """The rows in two parts: a stream to train on, and validation rows in memory.

        Validation rows are drawn by a hash of `seed` and the number of each row, at
        most as many as fit into half of a window.
        """
        if not 0 < fraction < 1:
            raise ValueError(
                f"validation={fraction} is no share of the rows: give 0.1, say"
            )
        room = self.source.window_bytes / 2 / row_bytes(self._like)
        share = min(fraction, room / len(self))
        rest = Stream(self.source, self._dtype, held=share, seed=seed)
        held = rest.left_out()
        if len(held) == 0:
            raise ValueError(
                f"validation={fraction} of {len(self)} rows leaves one part empty"
            )
        return rest, held

    def left_out(self) -> Rows:
        """The rows that are not trained on, in their order."""
        found = self.empty(int(self._firsts[-1]) - len(self))
        filled = 0
        for block in range(len(self.sizes)):
            left_out = np.flatnonzero(~self._kept(block))
            out = self._whole(block).take(left_out)
            _copy(out, _part(found, filled, filled + len(out)))
            filled += len(out)
        return found

    def total_weight(self) -> float:
        """What the rows count for together."""
        if self._like.weights is None:
            return float(len(self))
        if self._weight is None:
            self._weight = sum(b.total_weight() for b in self.batches(1 << 14))
        return self._weight

    def batches(self, size: int, least: int = 1) -> Iterator[Rows]:
        """All rows in the order of the source, in the batches of `batch_bounds`."""
        blocks = (self._trained(int(block)) for block in np.flatnonzero(self.sizes))
        left = self.empty(0)
        for start, stop in pairwise(batch_bounds(len(self), size, least)):
            batch, filled = self.empty(stop - start), 0
            while filled < len(batch):
                left = left if len(left) else next(blocks)
                count = min(len(left), len(batch) - filled)
                _copy(_part(left, 0, count), _part(batch, filled, filled + count))
                left, filled = _part(left, count, len(left)), filled + count
            yield batch

    def take(self, rows: Array | slice) -> Rows:
        """These rows of the source, by their numbers."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(int(self._firsts[-1])))
        if rows.size and not 0 <= rows.min() <= rows.max() < self._firsts[-1]:
            raise IndexError(
                f"{self.source.name} has {self._firsts[-1]} rows, and row "
                f"{rows.max() if rows.min() >= 0 else rows.min()} was asked for"
            )
        found = self.empty(len(rows))
        blocks = np.searchsorted(self._firsts, rows, side="right") - 1
        for block in np.unique(blocks):
            here = np.flatnonzero(blocks == block)
            whole = self._whole(int(block))
            _put(found, here, whole.take(rows[here] - self._firsts[block]))
        return found

    def empty(self, rows: int) -> Rows:
        """Room for so many rows."""
        return replace(self._like.room(rows), numbers=np.empty(rows, np.int64))

    def window_rows(self, batch: int) -> int:
        """How many rows a window reads at most, beside those it is left with.

        Raises `ValueError` where that is less than a block.
        """
        room = self.source.window_bytes // row_bytes(self._like) - batch
        largest = int(self.sizes.max(initial=1))
        if room < max(largest, batch):
            needed = (max(largest, batch) + batch) * row_bytes(self._like)
            allowed = WINDOWS_IN_MEMORY * needed / 1e6
            raise ValueError(
                f"too little memory to stream {self.source.name}: blocks of {largest} "
                f"rows and batches of {batch} need memory={allowed:.0f}MB at least"
            )
        return min(room, len(self))

    def pieces(
        self, seed: int, epoch: int, bounds: Array, *, shuffle: bool = True
    ) -> Generator[Piece]:
        """The windows of an epoch, whose batches begin at `bounds` all in all.

        Arrays into which windows are read are overwritten once the next but one is
        asked for. Close it (`contextlib.closing`) where it is not exhausted, to end the
        thread.
        """
        windows = self._windows(seed, epoch, bounds, shuffle=shuffle)
        lying = self._in_place
        if lying is None:
            self._make_room(len(windows), int(np.diff(bounds).max()))
        stopped = threading.Event()

        def fill(number: int, last: Piece | None) -> Piece:
            own = windows[number]
            cut = bounds[own.first : own.stop + 1] - bounds[own.first]
            if lying is None:
                buffer = self._buffers[number % 2]
                filled = self._fill(own, buffer, last, stopped)
                order = _order(seed, epoch, number, len(filled), shuffle=shuffle)
                return Piece(filled, order, cut, own.first)
            if number > 1:
                _forget(lying)
            here = self._bring(lying, own, last, stopped)
            order = here[_order(seed, epoch, number, len(here), shuffle=shuffle)]
            return Piece(lying, order, cut, own.first)

        with ThreadPoolExecutor(1, "chainrule-reader") as reader:
            try:
                coming = reader.submit(fill, 0, None)
                for number in range(len(windows)):
                    piece = coming.result()
                    if number + 1 < len(windows):
                        coming = reader.submit(fill, number + 1, piece)
                    if len(piece.bounds) > 1:
                        yield piece
            finally:
                stopped.set()
        if lying is not None and len(windows) > 2:
            _forget(lying)

    # --- helpers ------------------------------------------------------------------

    def _windows(
        self, seed: int, epoch: int, bounds: Array, *, shuffle: bool
    ) -> list[_Window]:
        """Which blocks each window of an epoch has: about as many rows in each."""
        blocks = np.flatnonzero(self.sizes)
        if shuffle:
            blocks = blocks[permutation(seed, f"blocks of {epoch}", len(blocks))]
        room = self.window_rows(int(np.diff(bounds).max()))
        windows: list[_Window] = []
        first = carried = 0
        for part in np.split(blocks, _cuts(self.sizes[blocks].tolist(), room)):
            there = int(bounds[first]) + carried + int(self.sizes[part].sum())
            stop = int(np.searchsorted(bounds, there, side="right")) - 1
            number = len(windows)
            windows.append(_Window(number, np.sort(part), carried, first, stop))
            first, carried = stop, there - int(bounds[stop])
        return windows

    def _make_room(self, windows: int, batch: int) -> None:
        """Have arrays for two windows, if there are two, and what is left of others."""
        most = self.window_rows(batch) + batch
        count = min(windows, 2)
        if len(self._buffers) < count or len(self._buffers[0]) < most:
            self._buffers = []  # before new ones are made
            self._buffers = [self.empty(most) for _ in range(count)]

    def _fill(
        self, window: _Window, buffer: Rows, last: Piece | None, stopped: Any
    ) -> Rows:
        """Read the blocks of a window behind the rows that are left from the last."""
        filled = window.carried
        if last is not None and filled:
            left = last.order[len(last.order) - filled :]
            _copy(last.rows.take(left), _part(buffer, 0, filled))
        for block in window.blocks:
            if stopped.is_set():
                break
            stop = filled + int(self.sizes[block])
            self._read(int(block), _part(buffer, filled, stop))
            filled = stop
        return _part(buffer, 0, filled)

    def _bring(
        self, lying: Rows, window: _Window, last: Piece | None, stopped: Any
    ) -> Array:
        """The rows of a window where they lie, which is in memory from now on.

        Those come first that are left from the last window.
        """
        rows = [np.zeros(0, np.int64)]
        if last is not None:
            rows.append(last.order[len(last.order) - window.carried :])
        for block in window.blocks.tolist():
            if stopped.is_set():
                break
            numbers = np.arange(self._firsts[block], self._firsts[block + 1])
            part = lying.take(slice(numbers[0], numbers[-1] + 1))
            for array in part.present:
                bring(array)
            if not self.source.checked:
                _check_finite(part)
            rows.append(numbers[self._kept(block)] if self._held else numbers)
        return np.concatenate(rows)

    def _read(self, block: int, into: Rows) -> None:
        """Read what is trained on of a block."""
        if self._scratch is None:
            self._read_whole(block, into)
        else:
            whole = _part(self._scratch, 0, self._size(block))
            self._read_whole(block, whole)
            _copy(whole.take(np.flatnonzero(self._kept(block))), into)

    def _trained(self, block: int) -> Rows:
        rows = self.empty(int(self.sizes[block]))
        self._read(block, rows)
        return rows

    def _whole(self, block: int) -> Rows:
        rows = self.empty(self._size(block))
        self._read_whole(block, rows)
        return rows

    def _size(self, block: int) -> int:
        """How many rows a block has, with those that are not trained on."""
        return int(self._firsts[block + 1] - self._firsts[block])

    def _read_whole(self, block: int, into: Rows) -> None:
        try:
            self.source.read(block, into)
        except Exception as error:
            error.add_note(f"while reading block {block} of {self.source.name}")
            raise
        if into.numbers is not None:
            into.numbers[:] = np.arange(self._firsts[block], self._firsts[block + 1])
        if not self.source.checked:
            _check_finite(into)

    def _kept(self, block: int) -> Array:
        """Which rows of a block are trained on."""
        first, stop = int(self._firsts[block]), int(self._firsts[block + 1])
        words = row_words(self._seed, "validation", first, stop - first)
        return np.asarray(words >= np.uint64(self._held * 2.0**63) * np.uint64(2))


def _cuts(sizes: Sequence[int], room: int) -> list[int]:
    """Where to cut blocks into windows that hold about as many rows each.

    >>> _cuts([4, 4, 4, 4, 4], room=9)
    [2, 4]
    """
    total = sum(sizes)
    share = total / -(-total // room)
    cuts, filled = [], 0
    for number, size in enumerate(sizes):
        if filled and (filled >= share or filled + size > room):
            cuts.append(number)
            filled = 0
        filled += size
    return cuts


def _order(seed: int, epoch: int, window: int, rows: int, *, shuffle: bool) -> Array:
    """The order in which a window is gone through; in the first, that of arrays."""
    if not shuffle:
        return np.arange(rows)
    return permutation(seed, f"{epoch}, window {window}" if window else epoch, rows)


def _converted(source: Source, dtype: DType, *, labels: bool) -> Rows:
    """Like the rows of a source, with targets and weights as the network takes them."""
    like = source.like
    for name, array in (("X", like.X), ("y", like.y)):
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} of {source.name} has dtype {array.dtype}")
    if labels and like.y.ndim == 1 and like.y.dtype.kind == "f":
        raise TypeError(
            f"y of {source.name} has dtype {like.y.dtype}, and class numbers are "
            "integers: convert it first"
        )
    X, y = native(like.X), native(like.y)
    y = y.astype(dtype) if y.dtype.kind == "f" else y
    weights = None if like.weights is None else like.weights.astype(dtype)
    return replace(
        like,
        X=X,
        y=y,
        weights=weights,
        columns=source.columns,
        name=source.name,
        dtype=dtype,
    )


def _in_place(source: Source, like: Rows) -> Rows | None:
    """The rows where they lie, if a program can read them there."""
    found = source.in_place()
    if found is None:
        return None
    for array, expected in zip(found.arrays, like.arrays, strict=True):
        suits = array is expected is None or (
            isinstance(array, np.ndarray)
            and expected is not None
            and array.dtype == expected.dtype
            and array.flags.c_contiguous
            and array.flags.aligned
        )
        if not suits:
            return None
    return replace(like, X=found.X, y=found.y, weights=found.weights, numbers=None)


def _check_finite(rows: Rows) -> None:
    """Raise `ValueError` for the first NaN or infinity."""
    for name, array in (("X", rows.X), ("y", rows.y)):
        if array.dtype.kind != "f":
            continue
        # A sum is finite only if all summands are, and takes a fraction of the time.
        with np.errstate(all="ignore"):
            if np.isfinite(array.sum()) or np.isfinite(array).all():
                continue
        row, *rest = np.argwhere(~np.isfinite(array))[0]
        number = row if rows.numbers is None else rows.numbers[row]
        where = f"{name}[{', '.join(map(str, (number, *rest)))}]"
        column = ""
        if name == "X" and rows.columns is not None and rest:
            column = f" (column {rows.columns[rest[0]]!r})"
        raise ValueError(
            f"{where}{column} is {array[(row, *rest)]}: fill in what is missing or "
            "infinite, or leave those rows out"
        )


def _forget(lying: Rows) -> None:
    """Let go of the memory that rows take where they lie, as far as it comes back.

    That of the window which is trained on comes back at once. That of what lies beside
    the blocks that were read does not: the system brings it in as well.
    """
    for array in lying.present:
        forget(array)


def _part(rows: Rows, start: int, stop: int) -> Rows:
    """Some rows, in the same memory."""
    return rows.take(slice(start, stop))


def _copy(rows: Rows, into: Rows) -> None:
    _put(into, slice(None), rows)


def _put(into: Rows, where: Any, rows: Rows) -> None:
    for array, found in zip(
        (*into.arrays, into.numbers), (*rows.arrays, rows.numbers), strict=True
    ):
        if array is not None and found is not None:
            array[where] = found
