"""Rows kept on disk, from where they come back as fast as it reads.

Whatever rows came from and whatever it cost to make numbers of them, that is done once;
each epoch then reads numbers. Files have no name, so nothing is left of them when the
process ends, however it ends.

Rows are kept in one of two ways, which give the same results:

- *plain*, as arrays in files that are mapped into memory: where the system can keep
  them in memory that nobody else needs, the disk hardly matters, and nothing is copied
  or unpacked;
- *packed*, where columns of 0 and 1 take a bit for each entry: where they are more
  than that, what counts is how little has to come from the disk.
"""

import os
import shutil
import tempfile
import threading
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from chainrule.ir import Array, DType
from chainrule.training.data import Rows
from chainrule.training.stream_memory import available
from chainrule.training.stream_pages import forget
from chainrule.training.stream_source import Source, entry_bytes, rows_of_block

_ONE = int(np.float32(1).view(np.uint32))


class DiskError(OSError):
    """Rows cannot be kept on disk, or do not come back."""


class DiskSource(Source):
    """Rows that were appended once, and are kept in files without names.

    Args:
        like: no row, in arrays of the dtypes and shapes that rows have; `X` is float32
            of shape `(0, columns)`.
        folder: on which disk; by default where the system keeps temporary files.
        window_bytes: how much memory a window may take.
        columns: what the columns of `X` are called, for messages.
        name: what messages call the rows.
    """

    checked = True  # by whoever appends them

    def __init__(
        self,
        like: Rows,
        *,
        folder: str | Path | None = None,
        window_bytes: int = Source.window_bytes,
        columns: Sequence[str] | None = None,
        name: str = "the table",
    ) -> None:
        if like.X.dtype != np.float32 or like.X.ndim != 2:
            raise TypeError(f"X is {like.X.dtype} of shape {like.X.shape}")
        self._like = like.take(slice(0, 0))
        self.window_bytes, self.columns, self.name = window_bytes, columns, name
        self.folder = _folder(folder)
        self._pending = self._like.room(rows_of_block(like, window_bytes))
        self._filled = 0
        self._sizes: list[int] = []
        self._checksum = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Give the room on disk back."""

    @property
    def sizes(self) -> Array:
        """How many rows each block has."""
        return np.asarray(self._sizes, np.int64)

    @property
    def like(self) -> Rows:
        """No row, in arrays like those that were appended."""
        return self._like

    def fingerprint(self) -> str:
        """A checksum of all entries, however they are kept."""
        return f"{self._checksum:08x}"

    def append(self, rows: Rows) -> None:
        """Keep these rows after all others.

        Raises `DiskError` where the disk is full, or will not take them.
        """
        taken = 0
        while taken < len(rows):
            room = len(self._pending) - self._filled
            count = min(room, len(rows) - taken)
            part = rows.take(slice(taken, taken + count))
            for array, found in zip(self._pending.present, part.present, strict=True):
                array[self._filled : self._filled + count] = found
            self._filled, taken = self._filled + count, taken + count
            if self._filled == len(self._pending):
                self._flush()

    def finish(self) -> None:
        """Write what is still in memory; there will be no more rows."""
        if self._filled:
            self._flush()
        self._pending = self._like

    def _flush(self) -> None:
        rows = self._pending.take(slice(0, self._filled))
        for array in rows.present:
            self._checksum = zlib.crc32(_bytes(array), self._checksum)
        self._keep(rows)
        self._sizes.append(len(rows))
        self._filled = 0

    @abstractmethod
    def _keep(self, rows: Rows) -> None:
        """Write a block."""


class PlainSource(DiskSource):
    """Rows in a file for each array, as they are in memory.

    >>> like = Rows(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    >>> with PlainSource(like) as source:
    ...     source.append(Rows(np.float32([[1.5, 1], [2.5, 0]]), np.array([0, 1])))
    ...     source.finish()
    ...     source.in_place().X[1]
    memmap([2.5, 0. ], dtype=float32)
    """

    def __init__(self, like: Rows, **options: Any) -> None:
        super().__init__(like, **options)
        self._files = [_File(self.folder) for _ in like.present]

    def close(self) -> None:
        """Give the room on disk back, once nobody reads the arrays any more."""
        for file in self._files:
            file.close()

    def _keep(self, rows: Rows) -> None:
        for file, array in zip(self._files, rows.present, strict=True):
            file.write(array)

    def in_place(self) -> Rows:
        """All rows, in arrays that are mapped into memory."""
        X, y, *weights = (
            file.mapped(like.dtype, (len(self), *like.shape[1:]))
            for file, like in zip(self._files, self._like.present, strict=True)
        )
        return Rows(X, y, weights[0] if weights else None)

    def read(self, block: int, into: Rows) -> None:
        """Bring a block back."""
        first = sum(self._sizes[:block])
        for file, array in zip(self._files, into.present, strict=True):
            row = array.dtype.itemsize * int(np.prod(array.shape[1:]))
            file.read(first * row, [array])


@dataclass(frozen=True)
class _Block:
    """Where a block begins in the file, and which columns are bits there."""

    offset: int
    binary: Array


class PackedSource(DiskSource):
    """Rows in which a column that has nothing but 0 and 1 in a block takes bits there.

    >>> like = Rows(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    >>> with PackedSource(like) as source:
    ...     source.append(Rows(np.float32([[1.5, 1], [2.5, 0]]), np.array([0, 1])))
    ...     source.finish()
    ...     len(source)
    2
    """

    def __init__(self, like: Rows, **options: Any) -> None:
        super().__init__(like, **options)
        self._file = _File(self.folder)
        self._blocks: list[_Block] = []

    def close(self) -> None:
        """Give the room on disk back."""
        self._file.close()

    def _keep(self, rows: Rows) -> None:
        words = rows.X.view(np.uint32)
        binary = ((words == 0) | (words == _ONE)).all(axis=0)
        numbers = np.ascontiguousarray(rows.X[:, ~binary])
        bits = np.packbits(rows.X[:, binary] != 0)
        self._blocks.append(_Block(self._file.size, binary))
        for part in (numbers, bits, *rows.present[1:]):
            self._file.write(part)

    def read(self, block: int, into: Rows) -> None:
        """Bring a block back."""
        found, rows = self._blocks[block], self._sizes[block]
        count = int(found.binary.sum())
        bits = np.empty(-(-rows * count // 8), np.uint8)
        whole = count == 0 and into.X.flags.c_contiguous
        width = len(found.binary) - count
        numbers = into.X if whole else np.empty((rows, width), np.float32)
        self._file.read(found.offset, [numbers, bits, *into.present[1:]])
        if whole:
            return
        ones = np.unpackbits(bits, count=rows * count)
        _spread(numbers, into.X, ~found.binary)
        _spread(ones.reshape(rows, count), into.X, found.binary)


def disk_source(like: Rows, rows: int, **options: Any) -> DiskSource:
    """Where to keep so many rows: plain, if the system can have them in memory.

    `options` are those of `DiskSource`.
    """
    size = rows * entry_bytes(like)
    try:
        room = shutil.disk_usage(_folder(options.get("folder"))).free
    except OSError:
        room = 0  # whoever makes the file says what is wrong
    plain = size <= min(available(), room) // 2
    return PlainSource(like, **options) if plain else PackedSource(like, **options)


class ClassWeighted(Source):
    """The rows of another source, each with the weight of its class.

    Args:
        source: rows without weights, whose targets are class numbers.
        by_class: the weight of each class, above 0.
        folder: on which disk weights are kept where rows stay in place.
    """

    def __init__(
        self, source: Source, by_class: Array, folder: Path | None = None
    ) -> None:
        if not (by_class > 0).all():
            raise ValueError(
                "rows that are streamed need weights above 0, not "
                f"{by_class.tolist()}: leave that class out of the table instead"
            )
        self._source, self._folder = source, _folder(folder)
        # As numbers of X are, so that they can stay where they are kept.
        kind = np.result_type(source.like.X.dtype, np.float16)
        self._by_class = by_class.astype(kind)
        self.columns, self.name = source.columns, source.name
        self.checked, self.window_bytes = source.checked, source.window_bytes

    @property
    def sizes(self) -> Array:
        """How many rows each block has."""
        return self._source.sizes

    @property
    def like(self) -> Rows:
        """No row, with a weight."""
        return replace(self._source.like, weights=self._by_class[:0])

    def read(self, block: int, into: Rows) -> None:
        """Read a block, and look the weights up."""
        self._source.read(block, replace(into, weights=None))
        if into.weights is not None:
            into.weights[...] = self._weights(into.y)

    def in_place(self) -> Rows | None:
        """The rows of the other source, with weights in a file of their own."""
        rows = self._source.in_place()
        if rows is None:
            return None
        file = _File(self._folder)
        for start, stop in pairwise([0, *np.cumsum(self.sizes).tolist()]):
            file.write(self._weights(rows.y[start:stop]))
            forget(rows.y[start:stop])
        weights = file.mapped(self._by_class.dtype, (len(self),))
        file.close()
        return replace(rows, weights=weights)

    def _weights(self, y: Array) -> Array:
        weights: Array = self._by_class[y.ravel().astype(np.intp)]
        return weights

    def fingerprint(self) -> str:
        """A checksum of all entries."""
        weights = zlib.crc32(np.ascontiguousarray(self._by_class).tobytes())
        return f"{self._source.fingerprint()}-{weights:08x}"


class _File:
    """A file without a name, that is written at its end and read anywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # the place in the file is one for all threads
        self.size = 0
        try:
            self._file: Any = tempfile.TemporaryFile(  # noqa: SIM115 - it is closed by `close`
                dir=folder, buffering=0
            )
        except OSError as error:
            raise DiskError(
                f"no rows can be kept in {folder}: {error.strerror}"
            ) from error

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()

    def write(self, array: Array) -> None:
        left = _bytes(array)
        try:
            self._file.seek(0, os.SEEK_END)
            while left:
                written = self._file.write(left)
                self.size, left = self.size + written, left[written:]
        except OSError as error:
            raise DiskError(
                f"the encoded rows cannot be kept in {self._folder} ({error.strerror}; "
                f"{self.size / 1e6:,.0f} MB are there): name a folder with more room"
            ) from error

    def read(self, offset: int, arrays: Sequence[Array]) -> None:
        """Fill contiguous arrays, one after the other, with what begins at `offset`."""
        try:
            with self._lock:
                self._file.seek(offset)
                for array in arrays:
                    self._fill(_bytes(array))
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def _fill(self, left: memoryview) -> None:
        while left:
            count = self._file.readinto(left)
            if not count:
                raise OSError("the file has been cut off")
            left = left[count:]

    def mapped(self, dtype: DType, shape: tuple[int, ...]) -> Array:
        """All of it as an array, which stays when the file is closed."""
        try:
            return np.memmap(self._file, dtype, "r", shape=shape)
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> DiskError:
        return DiskError(
            f"rows that were kept in {self._folder} cannot be read: {error}"
        )


def _folder(folder: str | Path | None) -> Path:
    return Path(tempfile.gettempdir() if folder is None else folder)


def _bytes(array: Array) -> memoryview:
    """The memory of a contiguous array."""
    return array.data.cast("B") if array.size else memoryview(b"")


def _spread(columns: Array, into: Array, where: Array) -> None:
    """Put columns where they belong, run by run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]])))
    taken = 0
    for start, stop in edges.reshape(-1, 2):
        into[:, start:stop] = columns[:, taken : taken + stop - start]
        taken += stop - start
