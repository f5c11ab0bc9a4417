"""Files that hold tables, read a batch of rows at a time."""

import csv
import io
import lzma
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from pyarrow import parquet

from chainrule.tables.arrow import Form, trimmed
from chainrule.tables.delimited import BYTE_ORDER_MARKS, checked_delimiter, sniff
from chainrule.tables.errors import TableError, category_advice, count
from chainrule.tables.places import Place
from chainrule.tables.read import refuse_elsewhere
from chainrule.tables.text import (
    NUMBER,
    from_text,
    matches,
    parse_numbers,
    with_decimal_points,
)

__all__ = ["ROWS", "TableFile", "open_file"]

_T = TypeVar("_T")

ROWS: Final = 1 << 14  # in a batch, at most

_HEAD_BYTES: Final = 1 << 16
_BUFFER_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 1 << 22

# What a cell takes while a table is read, tidied, parted and encoded; what a byte of
# text does, and how far text is usually compressed.
_CELL_BYTES: Final = 32
_TEXT_BYTES: Final = 6
_COMPRESSION: Final = 5

_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
}


@dataclass(frozen=True)
class TableFile(ABC):
    """A file of rows; made by `open_file`."""

    place: Place

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.place.name

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.place.path

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """The names of its columns."""

    @property
    @abstractmethod
    def memory(self) -> int:
        """About how many bytes training takes where all rows are in memory."""

    @abstractmethod
    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """All rows, at most so many at a time."""

    def typed(
        self, name: str, column: pa.ChunkedArray, before: Form, first: int
    ) -> pa.ChunkedArray:
        """The cells of a column as what they are, where it was `before` so far.

        Raises `TableError` where they are something else.
        """
        del name, before, first
        return column

    def damaged(self, error: Exception) -> TableError:
        """What to raise for a file that cannot be read any further."""
        return TableError(f"{self.name} is damaged: {error}")


def open_file(
    place: Place,
    missing: tuple[str, ...],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    text: Collection[str] = (),
) -> TableFile:
    """Open a file as what its first bytes say it is.

    Raises `TableError` where it cannot be read, or holds no table.
    """
    try:
        with place.path.open("rb") as file:
            head = file.read(200)
    except OSError as error:
        why = error.strerror or error
        raise TableError(f"{place.name} cannot be read: {why}") from None
    if head.startswith(b"PAR1"):
        return _ParquetFile(place)
    if head.startswith(b"ARROW1"):
        return _ArrowFile(place)
    if head.startswith(b"\xff\xff\xff\xff"):
        return _ArrowStream(place)
    refuse_elsewhere(head, place.name)
    kind = next((k for magic, k in _COMPRESSED.items() if head.startswith(magic)), None)
    marked = (name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark))
    # Arrow skips the mark of UTF-8 by itself.
    used = encoding or next(marked, "utf-8").removesuffix("-sig")
    if delimiter is not None:
        checked_delimiter(delimiter)
    return _TextFile(place, kind, missing, delimiter, used, frozenset(text))


@dataclass(frozen=True)
class _ParquetFile(TableFile):
    """Parquet: of each column only as much is decoded as a batch needs."""

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        with self._opened() as file:
            return tuple(file.schema_arrow.names)

    @property
    def columns(self) -> Sequence[str]:
        return self._columns

    @property
    def memory(self) -> int:
        with self._opened() as file:
            return int(file.metadata.num_rows) * len(self.columns) * _CELL_BYTES

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        with self._opened() as file:
            found = file.iter_batches(batch_size=rows, columns=list(columns))
            while True:
                try:
                    batch = next(found, None)
                except (pa.ArrowException, OSError) as error:
                    raise self.damaged(error) from error
                if batch is None:
                    return
                yield pa.Table.from_batches([batch])

    def _opened(self) -> parquet.ParquetFile:
        try:
            # Otherwise a whole row group is in memory at once.
            return parquet.ParquetFile(
                self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False
            )
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(error) from error


@dataclass(frozen=True)
class _ArrowFile(TableFile):
    """Arrow's own format, as Feather has it too."""

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        with self._source() as source:
            try:
                return tuple(self._opened(source).schema.names)
            except UnicodeDecodeError as error:
                raise self.damaged(error) from error

    @property
    def columns(self) -> Sequence[str]:
        return self._columns

    @property
    def memory(self) -> int:
        return 4 * self.path.stat().st_size

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        with self._source() as source:
            found = self._found(self._opened(source))
            while True:
                try:
                    batch = next(found, None)
                    if batch is None:
                        return
                    batch = batch.select(list(columns))
                    batch.validate(full=True)  # Arrow trusts what it is given
                except (pa.ArrowException, OSError) as error:
                    raise self.damaged(error) from error
                for first in range(0, batch.num_rows, rows):
                    yield pa.Table.from_batches([batch.slice(first, rows)])

    def _found(self, file: Any) -> Iterator[Any]:
        return map(file.get_batch, range(file.num_record_batches))

    def _source(self) -> Any:
        return pa.OSFile(str(self.path))

    def _opened(self, source: Any) -> Any:
        try:
            return pa.ipc.open_file(source)
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(error) from error


@dataclass(frozen=True)
class _ArrowStream(_ArrowFile):
    """Arrow's format for connections, kept in a file."""

    def _found(self, file: Any) -> Iterator[Any]:
        return iter(file)

    def _opened(self, source: Any) -> Any:
        try:
            return pa.ipc.open_stream(source)
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(error) from error


@dataclass(frozen=True)
class _TextFile(TableFile):
    """CSV and its kin: every cell is read as text, and typed batch by batch."""

    compression: str | None
    missing: tuple[str, ...]
    delimiter: str | None
    encoding: str
    text: frozenset[str]

    @property
    def columns(self) -> Sequence[str]:
        return self._layout[1]

    @cached_property
    def _layout(self) -> tuple[str, tuple[str, ...], int]:
        """The delimiter, the names of the columns, and the lines before the rows."""
        content = self._head.strip()
        if not content:
            raise TableError(
                f"{self.name} is empty: it should hold a table with column names"
            )
        delimiter = self.delimiter or sniff(content.encode())
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
        header = [cell.strip() for cell in next(reader)]
        names = [cell or f"Unnamed: {place}" for place, cell in enumerate(header)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise TableError(
                f"{self.name}: several columns are named {repeated[0]!r}; every column "
                "needs a name of its own"
            )
        blank = len(self._head) - len(self._head.lstrip())
        lines = self._head[:blank].count("\n") + reader.line_num
        return delimiter, tuple(names), lines

    @cached_property
    def _head(self) -> str:
        try:
            with self._opened() as file:
                head = file.read(_HEAD_BYTES)
        except (pa.ArrowException, OSError, EOFError, lzma.LZMAError) as error:
            raise self.damaged(error) from error
        if head.startswith((b"PAR1", b"ARROW1")):
            raise TableError(
                f"{self.name} is compressed, and so is what is in it: decompress it "
                "first (it can be read in memory as it is, if that holds it)"
            )
        refuse_elsewhere(head, self.name)
        if b"\0" in head and self.encoding == "utf-8":
            raise TableError(f"{self.name} holds zero bytes: it is no table in text")
        text: str = head.decode(self.encoding, errors="replace").removeprefix("\ufeff")
        if len(head) == _HEAD_BYTES and "\n" in text:
            text = text[: text.rindex("\n") + 1]
        return text

    @property
    def memory(self) -> int:
        packed = 1 if self.compression is None else _COMPRESSION
        return int(self.path.stat().st_size * packed * _TEXT_BYTES)

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        delimiter, names, lines = self._layout
        faulty: list[str] = []

        def on_ragged_row(row: arrow_csv.InvalidRow) -> str:
            if not row.text.strip(' \t\r\n"'):
                return "skip"
            faulty.append(
                f"{self.name}, near line {row.number or lines:,}: "
                f"{count(row.actual_columns, 'cell')} where the header has "
                f"{row.expected_columns} ({row.text[:60]!r}); a cell that contains the "
                f"delimiter {delimiter!r} must stand in quotes"
            )
            return "error"

        try:
            with self._opened() as file:
                reader = _patient(
                    lambda: arrow_csv.open_csv(
                        file,
                        read_options=arrow_csv.ReadOptions(
                            column_names=names,
                            skip_rows=lines,
                            block_size=_BLOCK_BYTES,
                            encoding=self.encoding,
                            use_threads=False,
                        ),
                        parse_options=arrow_csv.ParseOptions(
                            delimiter=delimiter,
                            newlines_in_values=True,
                            invalid_row_handler=on_ragged_row,
                        ),
                        convert_options=arrow_csv.ConvertOptions(
                            column_types=dict.fromkeys(names, pa.large_string()),
                            strings_can_be_null=False,
                            include_columns=list(columns),
                        ),
                    )
                )
                while (batch := _patient(lambda: next(reader, None))) is not None:
                    for first in range(0, batch.num_rows, rows):
                        yield pa.Table.from_batches([batch.slice(first, rows)])
        except (pa.ArrowException, OSError, EOFError, lzma.LZMAError) as error:
            if faulty:
                raise TableError(faulty[0]) from None
            raise TableError(f"{self.name} cannot be read: {error}") from error

    def typed(
        self, name: str, column: pa.ChunkedArray, before: Form, first: int
    ) -> pa.ChunkedArray:
        cells = trimmed(column, self.missing)
        if name in self.text or before == "text":
            return cells
        if self._layout[0] == ";":
            cells = with_decimal_points(cells)
        if before not in ("int", "float"):
            return from_text(cells)
        numbers = parse_numbers(cells)
        if numbers is None:
            bad = pc.invert(matches(cells, NUMBER)).fill_null(fill_value=False)
            row = int(np.flatnonzero(bad.to_numpy())[0])
            raise TableError(
                f"{self.name}, row {first + row + 1:,}: column {name!r} is "
                f"{cells[row].as_py()!r}, and held numbers before; correct it, or say "
                f"missing=[{cells[row].as_py()!r}] (--missing) if that means missing, "
                f"or {category_advice(name)}"
            )
        return numbers

    def _opened(self) -> Any:
        if self.compression == "xz":
            return lzma.open(self.path)
        file = pa.OSFile(str(self.path))
        if self.compression is None:
            return file
        return pa.CompressedInputStream(file, self.compression)


def _patient(read: Callable[[], _T]) -> _T:
    """Let Arrow read, which cannot hand over a ragged row that is no text.

    It refuses the row all the same; without this, a traceback would be printed too.
    """
    before = sys.unraisablehook

    def hook(found: Any) -> None:
        if not isinstance(found.exc_value, UnicodeDecodeError):
            before(found)

    sys.unraisablehook = hook
    try:
        return read()
    finally:
        sys.unraisablehook = before
