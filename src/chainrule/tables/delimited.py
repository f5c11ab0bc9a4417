"""Text tables: CSV, TSV and their kin, from bytes to columns.

Every cell is read as text first and gets its type afterwards, so that one rule decides
what is missing, what is a number, and which cell spoils a column of numbers.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import pyarrow as pa
import pyarrow.csv as arrow_csv

from chainrule.tables.arrow import trimmed
from chainrule.tables.errors import TableError, count, listed
from chainrule.tables.text import from_text, parse_numbers, with_decimal_points

DELIMITERS = "\t;|,"  # rarest in plain text first: the first that fits wins
SNIFFED_BYTES = 1 << 16  # below the longest cell that the csv module takes
SNIFFED_ROWS = 100
BLOCK_BYTES = 1 << 23

BYTE_ORDER_MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file writes a table.

    Args:
        missing: the cells that count as missing.
        delimiter: what parts the cells; by default whichever of tab, ``;``, ``|`` and
            ``,`` cuts the rows into equally many.
        encoding: by default what the byte order mark says, or else UTF-8.
        names: the column names of a file whose first line is data already.
        text: the columns that stay text even where they look like something else.
    """

    missing: tuple[str, ...]
    delimiter: str | None = None
    encoding: str | None = None
    names: Sequence[str] | None = None
    text: Collection[str] = ()


def read_delimited(data: bytes, file: str, dialect: Dialect) -> pa.Table:
    r"""Read a table from the bytes of a text file, ``file`` by name.

    Raises:
        TableError: with file and line, where the text is no table.

    >>> read_delimited(b"a;b\n1;x\n", "f.csv", Dialect(missing=("",))).to_pydict()
    {'a': [1], 'b': ['x']}
    """
    return typed(read_cells(data, file, dialect), dialect)


def typed(cells: pa.Table, dialect: Dialect) -> pa.Table:
    """Give columns of text the types that their cells agree on."""
    return pa.table(
        {
            name: cells[name] if name in dialect.text else from_text(cells[name])
            for name in cells.column_names
        }
    )


def read_cells(data: bytes, file: str, dialect: Dialect) -> pa.Table:
    """Read the columns of a text file as text; errors as of `read_delimited`."""
    content = _utf8(data, file, dialect.encoding)
    if not content.strip():
        raise TableError(f"{file} is empty: it should hold a table with column names")
    delimiter = (
        checked_delimiter(dialect.delimiter) if dialect.delimiter else sniff(content)
    )
    written = _Written(file, content, delimiter)
    header = written.header()
    cells = written.cells(len(header))
    if dialect.names is None:
        cells = cells.slice(1)
    if cells.num_rows == 0:
        raise TableError(f"{file} has column names but no rows below them")
    columns = [trimmed(column, dialect.missing) for column in cells.columns]
    if dialect.names is None:
        named = _named(header, columns, f"{file}, line {written.start}")
    else:
        named = _paired(dialect.names, columns, file)
    if delimiter != ";":
        return pa.table(named)
    return pa.table(
        {
            name: column if name in dialect.text else with_decimal_points(column)
            for name, column in named.items()
        }
    )


def _paired(
    names: Sequence[str], columns: Sequence[pa.ChunkedArray], file: str
) -> dict[str, pa.ChunkedArray]:
    if len(set(names)) < len(names):
        raise TableError(f"names= repeats a name: {', '.join(names)}")
    if len(names) != len(columns):
        raise TableError(
            f"{file} has {count(len(columns), 'column')}, but names= has {len(names)}"
        )
    return dict(zip(names, columns, strict=True))


def checked_delimiter(delimiter: str) -> str:
    """A delimiter, if it can be one; else `TableError`."""
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or not delimiter.isascii():
        raise TableError(
            f"the delimiter is one character such as ',' or ';', not {delimiter!r}"
        )
    return delimiter


def _utf8(data: bytes, file: str, encoding: str | None) -> bytes:
    """Bring the text to UTF-8 without a byte order mark; say where it is none."""
    marks = (name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark))
    used = encoding or next(marks, "utf-8")
    if used == "utf-8" and b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise TableError(
            f"{file}, line {line:,}: holds a zero byte, so it is no table in UTF-8 "
            "text; if it is text from Windows, try encoding='utf-16' (or --encoding "
            "utf-16)"
        )
    try:
        decoded = data.decode(used)
    except LookupError:
        raise TableError(f"there is no text encoding {used!r}") from None
    except UnicodeDecodeError as error:
        raise TableError(_not_text(data, file, error, used)) from None
    if used == "utf-8":
        return data
    return decoded.removeprefix("\ufeff").encode()


def _not_text(data: bytes, file: str, error: UnicodeDecodeError, used: str) -> str:
    at = error.start
    line = data.count(b"\n", 0, at) + 1
    start = max(data.rfind(b"\n", 0, at) + 1, at - 15)
    near = data[start : at + 15].splitlines()[0].decode("cp1252", errors="replace")
    return (
        f"{file}, line {line:,}: byte 0x{data[at]:02x} (near {near!r}) is not "
        f"{used.upper()} text; save it as UTF-8, or name its encoding, which for older "
        "files from Windows is encoding='cp1252' (--encoding cp1252)"
    )


def sniff(content: bytes) -> str:
    r"""Find the delimiter of a table in UTF-8 text.

    Of the delimiters which cut the header into two cells at least, it is the one that
    cuts most of the first rows into as many. A comma where there is none: the table has
    one column then.

    >>> sniff(b"name;size\n'Smith, J';1,5\n"), sniff(b"a\n1\n")
    (';', ',')
    """
    sample = content[:SNIFFED_BYTES]
    if len(content) > SNIFFED_BYTES and b"\n" in sample:
        sample = sample[: sample.rindex(b"\n")]
    text = sample.decode(errors="replace")
    agreement = {delimiter: _agreement(text, delimiter) for delimiter in DELIMITERS}
    best = max(agreement.values())
    return next(d for d, share in agreement.items() if share == best) if best else ","


def _agreement(text: str, delimiter: str) -> float:
    """Give the share of rows that have as many cells as the header, if that is > 1."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    widths = [len(row) for row in islice(filter(None, reader), SNIFFED_ROWS)]
    if not widths or widths[0] < 2:
        return 0.0
    return widths.count(widths[0]) / len(widths)


@dataclass(frozen=True, slots=True)
class _Written:
    """A table as it is written: UTF-8 text whose delimiter is known."""

    file: str
    content: bytes
    delimiter: str

    @property
    def start(self) -> int:
        """Give the line of the header; blank ones may come before it."""
        return 1 + len(self._blank().splitlines())

    def header(self) -> list[str]:
        """Give the cells of the first row."""
        return next(row for line, row in self._records() if line >= self.start)

    def cells(self, width: int) -> pa.Table:
        """Cut the text into ``width`` columns of strings, the header among them."""
        if self.content.count(b'"') % 2:
            self._check(width)
        body = self.content[len(self._blank()) :]
        for block in (BLOCK_BYTES, len(body) + 1):
            try:
                return _cut(body, self.delimiter, width, min(block, 2**31 - 1))
            except pa.ArrowInvalid as error:
                self._check(width)
                reason = str(error)  # no row is at fault: one may exceed a block
        raise TableError(f"{self.file} cannot be read as a text table: {reason}")

    def _blank(self) -> bytes:
        """Give the blank lines before the header."""
        blank = re.match(rb"(?:[ \t]*[\r\n])*", self.content)
        return blank.group() if blank else b""

    def _check(self, width: int) -> None:
        """Raise a `TableError` for the rows with too few or too many cells."""
        faulty = [
            (line, row)
            for line, row in self._records()
            if len(row) != width and not _is_blank(row)
        ]
        if not faulty:
            return
        line, row = faulty[0]
        cells = f"{count(len(row), 'cell')} where the header has {width}"
        others = [f"line {later:,}" for later, _ in faulty[1:]]
        likewise = f"; likewise {listed(others, len(others))}" if others else ""
        raise TableError(
            f"{self.file}, line {line:,}: {cells} "
            f"({_shortened(self.delimiter.join(row))!r}){likewise}; a cell that "
            f"contains the delimiter {self.delimiter!r} must stand in quotes"
        )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield every row that is not empty with the line it starts on.

        The slow and exact way; `cells` is the fast one. Raises `TableError` where a
        quote opens that nothing closes.
        """
        end = "\x1e end of file"  # a row of its own, unless an open quote swallows it
        lines = io.TextIOWrapper(io.BytesIO(self.content), "utf-8", newline="")
        reader = csv.reader(chain(lines, ["\n", end]), delimiter=self.delimiter)
        start = 1
        try:
            for row in reader:
                if row == [end]:
                    return
                if row and end in row[-1]:
                    break
                if row:
                    yield start, row
                start = reader.line_num + 1
        except csv.Error:  # a cell longer than 131,072 characters
            pass
        raise TableError(
            f'{self.file}, line {start:,}: a quote (") opens in this row and nothing '
            'closes it; close it, and write a quote inside a quoted cell twice ("")'
        )


def _is_blank(row: Sequence[str]) -> bool:
    return len(row) == 1 and not row[0].strip(' \t\r\n"')


def _cut(body: bytes, delimiter: str, width: int, block: int) -> pa.Table:
    columns = [f"{position}" for position in range(width)]

    def on_ragged_row(row: arrow_csv.InvalidRow) -> str:
        blank = row.actual_columns == 1 and _is_blank([row.text])
        return "skip" if blank else "error"

    return arrow_csv.read_csv(
        pa.BufferReader(body),
        read_options=arrow_csv.ReadOptions(column_names=columns, block_size=block),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=b'"' in body,
            invalid_row_handler=on_ragged_row,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.large_string()),
            strings_can_be_null=False,
        ),
    )


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _named(
    header: Sequence[str], columns: Sequence[pa.ChunkedArray], where: str
) -> dict[str, pa.ChunkedArray]:
    """Pair the header's cells with the columns; refuse blank and repeated names.

    The first column may be unnamed, as pandas and R write their row names; it is called
    ``Unnamed: 0`` as in pandas. So may a column without any value: it is left out.
    """
    named: dict[str, pa.ChunkedArray] = {}
    positions: dict[str, int] = {}
    for position, (cell, column) in enumerate(zip(header, columns, strict=True), 1):
        name = cell.strip() or ("Unnamed: 0" if position == 1 else "")
        if not name and column.null_count == len(column):
            continue
        if not name:
            raise TableError(
                f"{where}: column {position} has no name{_no_header(header)}"
            )
        if name in named:
            raise TableError(
                f"{where}: columns {positions[name]} and {position} are both "
                f"named {name!r}; every column needs a name of its own"
                f"{_no_header(header)}"
            )
        named[name] = column
        positions[name] = position
    return named


def _no_header(header: Sequence[str]) -> str:
    """Ask whether a header that holds numbers is one."""
    numeric = [
        c
        for c in header
        if c.strip() and parse_numbers(pa.chunked_array([[c.strip()]]))
    ]
    if not numeric:
        return ""
    return (
        f"; is this line data already (it holds {numeric[0].strip()!r})? "
        "Then add a line of column names above it, or pass names=[...]"
    )
