"""Predicting files of any size: read, predicted and written some rows at a time."""

import csv
import io
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from chainrule.files import replacing
from chainrule.ir import Array
from chainrule.tables import TableError
from chainrule.tables.errors import Finding
from chainrule.tabular.forward import Forward
from chainrule.tabular.run import TableRun

__all__ = [
    "SUFFIXES",
    "FileKindError",
    "Predicted",
    "check_suffix",
    "predict_file",
    "predict_stream",
]

_PLAIN: Final = (".csv", ".tsv", ".jsonl")
_BINARY: Final = (".parquet", ".arrow")
_PACKED: Final = {".gz": "gzip", ".zst": "zstd"}

SUFFIXES: Final = (*_PLAIN, *_BINARY)


class FileKindError(ValueError):
    """A file name that does not say how to write it."""


@dataclass(frozen=True)
class Predicted:
    """What came of predicting a file.

    - `rows` of the table, `columns` that were written.
    - `findings`: what was new in the table since training; `notes`: the same as
      sentences, which name rows by their file if there are several.
    """

    rows: int
    columns: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def predict_file(
    run: TableRun,
    source: str | Path,
    out: str | Path | BinaryIO,
    *,
    kind: str | None = None,
    with_inputs: bool = False,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Predicted:
    """Predict each row of a file, or of a folder of files, into another file.

    Memory does not grow with the file: some ten thousand rows are read, predicted and
    written at a time. The file `out` is there once all of it is written, or stays as it
    was.

    Args:
        run: what predicts.
        source: whatever `chainrule.tables.open_stream` takes.
        out: a file whose name ends in one of `SUFFIXES`; text files also with .gz or
            .zst behind that. Or an open file for bytes, which gets `kind`.
        kind: one of `SUFFIXES`, where `out` has no name.
        with_inputs: whether to write the columns of the table, too.
        delimiter: what parts the cells of a text file; found by itself if not given.
        encoding: of a text file; UTF-8 by default.

    Raises:
        TableError: where the table lacks columns, or they hold something else.
        FileKindError: for a name that ends in something else.
        OSError: if `out` cannot be written.
    """
    forward = Forward(run.encoder, run.net)
    reading = {"delimiter": delimiter, "encoding": encoding}
    tables = _predictions(run, forward, source, with_inputs=with_inputs, **reading)
    if isinstance(out, str | Path):
        ending = check_suffix(Path(out))
        with replacing(Path(out)) as beside, _opened(beside, Path(out).suffix) as file:
            columns = _write(tables, file, ending)
    else:
        columns = _write(tables, out, kind or ".csv")
    return Predicted(forward.rows, columns, forward.findings, forward.notes)


def predict_stream(
    run: TableRun,
    source: str | Path,
    *,
    with_inputs: bool = False,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Iterator[pa.Table]:
    r"""The predictions for a file of any size, some thousand rows at a time, in order.

    They are tables as `TableRun.predict` gives them; the arguments are its own. Raises
    `TableError` that names the file and the row.

    >>> import tempfile
    >>> from chainrule.tabular import train_table
    >>> run = train_table({"x": range(100), "y": [2 * x for x in range(100)]}, "y")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     new = Path(folder, "new.csv")
    ...     _ = new.write_text("x\n" + "1\n" * 20000)
    ...     [table.num_rows for table in predict_stream(run, new)]
    [16384, 3616]
    """
    forward = Forward(run.encoder, run.net)
    reading = {"delimiter": delimiter, "encoding": encoding}
    return _predictions(run, forward, source, with_inputs=with_inputs, **reading)


def check_suffix(out: Path) -> str:
    """How a file of this name is written: one of `SUFFIXES`, or `FileKindError`.

    >>> check_suffix(Path("a.csv.gz")), check_suffix(Path("b.parquet"))
    ('.csv', '.parquet')
    """
    suffix = out.suffix.lower()
    if suffix in _PACKED:
        inner = out.with_suffix("").suffix.lower()
        if inner in _PLAIN:
            return inner
    elif suffix in SUFFIXES:
        return suffix
    raise FileKindError(
        f"{out}: its name has to end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; "
        f"text can have {' or '.join(_PACKED)} behind that"
    )


def _predictions(
    run: TableRun,
    forward: Forward,
    source: str | Path,
    *,
    with_inputs: bool,
    **reading: str | None,
) -> Iterator[pa.Table]:
    def told(table: pa.Table, y: Array) -> pa.Table:
        return run.predictions(y, table if with_inputs else None)

    columns = None if with_inputs else ()
    return forward.over(source, told, columns=columns, **reading)


# --- writing ------------------------------------------------------------------------


class _Writer(ABC):
    """Writes tables one below the other."""

    def __init__(self, file: BinaryIO, first: pa.Table) -> None:
        self.file = file
        self.columns: tuple[str, ...] = tuple(first.column_names)

    @abstractmethod
    def write(self, table: pa.Table) -> None:
        """Write some rows."""

    def close(self) -> None:  # noqa: B027 - most have nothing to write there
        """Write what comes at the end."""


class _Delimited(_Writer):
    delimiter = ","

    def __init__(self, file: BinaryIO, first: pa.Table) -> None:
        super().__init__(file, first)
        self._rows([self.columns])

    def write(self, table: pa.Table) -> None:
        self._rows(zip(*(c.to_pylist() for c in table.columns), strict=True))

    def _rows(self, rows: Iterable[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerows(rows)
        # UTF-8 like all tables, whatever the terminal speaks.
        self.file.write(text.getvalue().encode())
        self.file.flush()


class _Tabbed(_Delimited):
    delimiter = "\t"


class _JsonLines(_Writer):
    def write(self, table: pa.Table) -> None:
        lines = (json.dumps(_jsonable(row), ensure_ascii=False, default=str)
                 for row in table.to_pylist())  # fmt: skip
        self.file.write("".join(f"{line}\n" for line in lines).encode())
        self.file.flush()


def _jsonable(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it, which knows no NaN and no infinity."""
    return {
        name: None if isinstance(x, float) and not math.isfinite(x) else x
        for name, x in row.items()
    }


class _Typed(_Writer):
    """Arrow or Parquet, whose columns have one type from the first row on."""

    def __init__(self, file: BinaryIO, first: pa.Table) -> None:
        super().__init__(file, first)
        self.schema = pa.schema(
            [(f.name, pa.string() if pa.types.is_null(f.type) else f.type)
             for f in first.schema]
        )  # fmt: skip
        self.writer = self.new_writer()

    @abstractmethod
    def new_writer(self) -> Any:
        """What writes tables."""

    def write(self, table: pa.Table) -> None:
        try:
            typed = table.cast(self.schema)
        except (pa.ArrowException, ValueError) as error:
            raise TableError(
                f"a column of the table changes its type on the way ({error}); write "
                "a .csv file, which has no types"
            ) from None
        self.writer.write_table(typed)

    def close(self) -> None:
        self.writer.close()


class _Parquet(_Typed):
    def new_writer(self) -> Any:
        return parquet.ParquetWriter(self.file, self.schema)


class _Arrow(_Typed):
    def new_writer(self) -> Any:
        return pa.ipc.new_file(self.file, self.schema)


_WRITERS: Final[Mapping[str, type[_Writer]]] = {
    ".csv": _Delimited,
    ".tsv": _Tabbed,
    ".jsonl": _JsonLines,
    ".parquet": _Parquet,
    ".arrow": _Arrow,
}


def _write(tables: Iterator[pa.Table], file: BinaryIO, kind: str) -> tuple[str, ...]:
    """Write all of them; the names of their columns."""
    first = next(tables)
    writer = _WRITERS[kind](file, first)
    writer.write(first)
    for table in tables:
        writer.write(table)
    writer.close()
    return writer.columns


@contextmanager
def _opened(path: Path, suffix: str) -> Iterator[BinaryIO]:
    """A file to write to, which is packed where its name says so."""
    packing = _PACKED.get(suffix.lower())
    with path.open("wb") as file:
        packed: AbstractContextManager[Any] = (
            nullcontext(file)
            if packing is None
            else pa.CompressedOutputStream(file, packing)
        )
        with packed as stream:
            yield stream
