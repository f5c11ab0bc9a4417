"""Rows kept on disk in blocks, from where they come back as fast as it reads.

Whatever rows came from and whatever it cost to make numbers of them, that is done once;
each epoch then reads numbers. The file has no name, so nothing is left of it when the
process ends, however it ends.
"""

import os
import tempfile
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from chainrule.ir import Array
from chainrule.training.data import Rows
from chainrule.training.stream import Source, rows_of_block

_ONE = int(np.float32(1).view(np.uint32))


class DiskError(OSError):
    """Rows cannot be kept on disk, or do not come back."""


@dataclass(frozen=True)
class _Block:
    """Where a block begins in the file, its rows, and which columns are bits there."""

    offset: int
    rows: int
    binary: Array


class DiskSource(Source):
    """Rows that were appended once, in a file without a name.

    A column that in a block holds nothing but 0 and 1 takes one bit an entry there, as
    do those of categories.

    Args:
        like: no row, in arrays of the dtypes and shapes that rows have; `X` is float32
            of shape `(0, columns)`.
        folder: on which disk; by default where the system keeps temporary files.
        window_bytes: how much memory a window may take.
        columns: what the columns of `X` are called, for messages.
        name: what messages call the rows.

    >>> like = Rows(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    >>> with DiskSource(like) as source:
    ...     source.append(Rows(np.float32([[1.5, 1], [2.5, 0]]), np.array([0, 1])))
    ...     source.finish()
    ...     len(source)
    2
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
        self._pending = _empty(self._like, rows_of_block(like, window_bytes))
        self._filled = 0
        self._blocks: list[_Block] = []
        self._checksum = 0
        self._lock = threading.Lock()  # the place in the file is one for all threads
        self._folder = Path(tempfile.gettempdir() if folder is None else folder)
        try:
            self._file: BinaryIO = tempfile.TemporaryFile(  # noqa: SIM115 - it is closed by `close`
                dir=self._folder, buffering=0
            )
        except OSError as error:
            raise DiskError(
                f"no rows can be kept in {self._folder}: {error.strerror}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the room on disk back."""
        with suppress(OSError):
            self._file.close()

    @property
    def sizes(self) -> Array:
        """How many rows each block has."""
        return np.asarray([block.rows for block in self._blocks], np.int64)

    @property
    def like(self) -> Rows:
        """No row, in arrays like those that were appended."""
        return self._like

    def fingerprint(self) -> str:
        """A checksum of all entries."""
        return f"{self._checksum:08x}"

    # --- writing --------------------------------------------------------------------

    def append(self, rows: Rows) -> None:
        """Keep these rows after all others.

        Raises `DiskError` where the disk is full, or will not take them.
        """
        taken = 0
        while taken < len(rows):
            room = len(self._pending) - self._filled
            count = min(room, len(rows) - taken)
            for array, found in zip(self._pending.arrays, rows.arrays, strict=True):
                if array is not None and found is not None:
                    array[self._filled : self._filled + count] = found[
                        taken : taken + count
                    ]
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
        words = rows.X.view(np.uint32)
        binary = ((words == 0) | (words == _ONE)).all(axis=0)
        numbers = np.ascontiguousarray(rows.X[:, ~binary])
        bits = np.packbits(rows.X[:, binary] != 0)
        parts = [numbers, bits, rows.y]
        parts += [] if rows.weights is None else [rows.weights]
        offset = self._file.seek(0, os.SEEK_END)
        for part in parts:
            self._checksum = zlib.crc32(_bytes(part), self._checksum)
            self._write(_bytes(part))
        self._blocks.append(_Block(offset, len(rows), binary))
        self._filled = 0

    def _write(self, left: memoryview) -> None:
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            so_far = self._file.tell() / 1e9
            raise DiskError(
                f"the encoded rows cannot be kept in {self._folder} ({error.strerror}; "
                f"{so_far:.1f} GB are there): name a folder with more room"
            ) from error

    # --- reading --------------------------------------------------------------------

    def read(self, block: int, into: Rows) -> None:
        """Bring a block back."""
        found = self._blocks[block]
        count = int(found.binary.sum())
        bits = np.empty(-(-found.rows * count // 8), np.uint8)
        whole = count == 0 and into.X.flags.c_contiguous
        width = len(found.binary) - count
        numbers = into.X if whole else np.empty((found.rows, width), np.float32)
        parts = [numbers, bits, into.y]
        parts += [] if into.weights is None else [into.weights]
        try:
            with self._lock:
                self._file.seek(found.offset)
                for part in parts:
                    self._read(part)
        except (OSError, ValueError) as error:
            raise DiskError(
                f"rows that were kept in {self._folder} cannot be read: {error}"
            ) from error
        if whole:
            return
        ones = np.unpackbits(bits, count=found.rows * count)
        _spread(numbers, into.X, ~found.binary)
        _spread(ones.reshape(found.rows, count), into.X, found.binary)

    def _read(self, part: Array) -> None:
        left = _bytes(part)
        while left:
            count = self._file.readinto(left)  # type: ignore[attr-defined] # raw
            if not count:
                raise OSError("the file has been cut off")
            left = left[count:]


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


def _empty(like: Rows, rows: int) -> Rows:
    arrays = [
        None if part is None else np.empty((rows, *part.shape[1:]), part.dtype)
        for part in like.arrays
    ]
    return Rows(*arrays)  # type: ignore[arg-type] # X and y are there
