"""Where rows come from that memory need not hold: sources, in blocks of rows."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.ir import Array
from chainrule.training.data import Rows, batch_bounds
from chainrule.training.stream_memory import bytes_of
from chainrule.training.stream_pages import forget

# A window is no larger than this, however much memory there is: so the result does not
# depend on the memory of the machine, unless that is small.
WINDOW_BYTES = 1 << 28
# Two windows and the validation rows take half of the memory that is allowed; the rest
# is for Python, the libraries, the network.
WINDOWS_IN_MEMORY = 5

# Beside its entries, a row in a window needs its number and its place in the order,
# and twice as much while the order is made.
_ORDER_BYTES = 32

# Blocks are large enough for a disk, and a window has some of them at least.
_BLOCK_BYTES = 1 << 20
_BLOCKS_IN_WINDOW = 16


class Source(ABC):
    """Rows that are read block by block.

    A subclass says how many rows each block has, what rows look like, and how a block
    is read. Blocks are read on another thread, one at a time; what `read` raises there
    is raised by `fit`. The same block always has the same rows. Where rows lie in
    arrays anyway, `in_place` gives those, and nothing is copied.

    Attributes:
        columns: what the columns of `X` are called, if anything.
        name: what messages call the source.
        checked: whether all numbers are known to be finite, and all targets to suit
            the loss, so that nobody looks at them again.
        window_bytes: how much memory a window may take.
    """

    columns: Sequence[str] | None = None
    name: str = "the source"
    checked: bool = False
    window_bytes: int = WINDOW_BYTES

    @property
    @abstractmethod
    def sizes(self) -> Array:
        """How many rows each block has, int64."""

    @property
    @abstractmethod
    def like(self) -> Rows:
        """No row, in arrays of the dtypes and shapes that rows have."""

    @abstractmethod
    def read(self, block: int, into: Rows) -> None:
        """Write the rows of a block into the arrays of `into`, which has as many."""

    def in_place(self) -> Rows | None:
        """All rows where they lie, in the order of the blocks.

        The arrays may be files that are mapped into memory (`numpy.memmap`). `None`
        where blocks have to be read.
        """
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """A checksum, by which a checkpoint knows the rows it belongs to."""

    def __len__(self) -> int:
        return int(self.sizes.sum())


class ArraySource(Source):
    """The rows of arrays that lie on disk, such as those of `np.load(mmap_mode="r")`.

    They are read where they lie if they are C-contiguous, with targets as the network
    takes them (float32 for a network in float32, or integers); otherwise copied.

    Args:
        X: inputs `(B, ...)`: numbers.
        y: targets `(B, ...)`; class numbers are integers.
        sample_weight: one positive number for each row, if they do not count alike.
        memory: how much may be in memory: bytes, or `"2GB"`.
        block_rows: rows that are read at a time; by default about a megabyte of them.
        columns: what the columns of `X` are called, for messages.

    >>> import chainrule as cr
    >>> X = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    >>> source = ArraySource(X, X[:, :1], block_rows=100)
    >>> net = cr.nn.Dense(3, 1, rng=0)
    >>> history = cr.fit(net, source, loss="squared", epochs=3)
    >>> len(source), history["loss"][-1] < history["loss"][0]
    (1000, True)
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        memory: int | str | None = None,
        block_rows: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._rows = Rows(X, y, sample_weight)
        _check_arrays(self._rows)
        self.window_bytes = window_bytes(memory)
        size = rows_of_block(self._rows, self.window_bytes)
        self._bounds = batch_bounds(len(X), size if block_rows is None else block_rows)
        self.columns = columns
        self.name = "X"

    @property
    def sizes(self) -> Array:
        """How many rows each block has."""
        return np.diff(self._bounds)

    @property
    def like(self) -> Rows:
        """No row, in arrays like those given."""
        return self._rows.take(slice(0, 0))

    def read(self, block: int, into: Rows) -> None:
        """Copy the rows of a block."""
        part = slice(self._bounds[block], self._bounds[block + 1])
        for array, found in zip(into.present, self._rows.present, strict=True):
            array[...] = found[part]
            forget(found[part])

    def in_place(self) -> Rows:
        """The arrays."""
        return self._rows

    def fingerprint(self) -> str:
        """A checksum of all entries."""
        checksum = 0
        for array in self._rows.present:
            for start, stop in pairwise(self._bounds.tolist()):
                part = array[start:stop]
                checksum = zlib.crc32(np.ascontiguousarray(part).data, checksum)
                forget(part)
        return f"{checksum:08x}"


def window_bytes(memory: int | str | None) -> int:
    """How much a window may take where so much memory is allowed.

    >>> window_bytes("100MB"), window_bytes(None) == WINDOW_BYTES
    (20000000, True)
    """
    if memory is None:
        return WINDOW_BYTES
    return min(WINDOW_BYTES, bytes_of(memory) // WINDOWS_IN_MEMORY)


def rows_of_block(like: Rows, window: int) -> int:
    """How many rows a block best has, where a window has so many bytes."""
    return max(min(_BLOCK_BYTES, window // _BLOCKS_IN_WINDOW) // row_bytes(like), 1)


def row_bytes(like: Rows) -> int:
    """How much memory a row takes in a window, and for its place in the order."""
    return entry_bytes(like) + _ORDER_BYTES


def entry_bytes(like: Rows) -> int:
    """How much the entries of a row take."""
    return sum(int(a.dtype.itemsize * np.prod(a.shape[1:])) for a in like.present)


def _check_arrays(rows: Rows) -> None:
    if len(rows) == 0:
        raise ValueError(f"there are no rows: X has shape {rows.X.shape}")
    if len(rows.y) != len(rows):
        raise ValueError(
            f"X has {len(rows)} rows and y has {len(rows.y)}: each row needs one target"
        )
    weights = rows.weights
    if weights is not None and (
        weights.shape != (len(rows),) or not (weights > 0).all()
    ):
        raise ValueError("sample_weight needs a positive number for each row")
