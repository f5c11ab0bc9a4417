"""Tables that need not fit into memory: their rows come a batch at a time.

    stream = open_stream("clicks/")  # a folder of Parquet files, or one large file
    found = survey(stream, "clicked", seed=0, validation=0.1, test=0.1)
    for batch in stream.batches():
        train = found.training_rows(batch)

The survey reads everything once. It counts, and draws rows by a hash of the seed and
the number of each row: test rows, validation rows, and a sample of the others from
which types, scales and categories are learnt. What it finds does not depend on how the
rows are cut into files, row groups or batches.
"""

import os
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.random import row_words
from chainrule.tables.arrow import MISSING, Form, form, plain, tidy
from chainrule.tables.columns import no_column
from chainrule.tables.errors import TableError, count, numbered
from chainrule.tables.join import check_columns, partition_columns
from chainrule.tables.places import places
from chainrule.tables.schema import Column, Label, Schema
from chainrule.tables.stream_files import ROWS, TableFile, open_file

__all__ = [
    "Batch",
    "Survey",
    "TableStream",
    "is_file",
    "labelled",
    "located",
    "open_stream",
    "survey",
]

HELD_ROWS = 100_000  # validation rows at most, and test rows
SAMPLE_ROWS = 200_000  # from which the encoding is learnt
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Batch:
    """Some consecutive rows of a table.

    - `table`: the rows, in the forms of `chainrule.tables.arrow`.
    - `file` they are in, and the number of the `first` of them there, from 0.
    - `start`: its number in the whole table.
    """

    table: pa.Table
    file: str
    first: int
    start: int

    def __len__(self) -> int:
        rows: int = self.table.num_rows
        return rows


@dataclass
class TableStream:
    """A table on disk that is read a batch at a time; made by `open_stream`.

    `partitions` are the columns that folders name, with a value for each file. `forms`
    are those that the columns had so far: a column that has another one later is
    refused, with the file and the row.
    """

    files: tuple[TableFile, ...]
    missing: tuple[str, ...]
    columns: tuple[str, ...]
    partitions: Mapping[str, pa.ChunkedArray]
    forms: dict[str, Form] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What messages call the table."""
        first = self.files[0]
        return first.name if len(self.files) == 1 else str(Path(first.name).parent)

    @property
    def memory(self) -> int:
        """About how many bytes training takes where all rows are in memory."""
        return sum(file.memory for file in self.files)

    def batches(
        self, columns: Collection[str] | None = None, rows: int = ROWS
    ) -> Generator[Batch]:
        """All rows, at most so many at a time, with these columns or all of them.

        Another thread reads the next rows while somebody works on these.

        Raises:
            TableError: where a file is damaged, lacks a column, or holds something else
                than the rows before.
        """
        return _ahead(self._batches(columns, rows))

    def _batches(self, columns: Collection[str] | None, rows: int) -> Iterator[Batch]:
        wanted = [c for c in self.columns if columns is None or c in columns]
        inside = [name for name in wanted if name not in self.partitions]
        start, one = 0, self.files[0]
        for number, file in enumerate(self.files):
            check_columns(one.columns, file.columns, one.name, file.name)
            first = 0
            for raw in file.batches(inside, rows):
                table = self._tidied(raw, inside, file, first)
                for name in (n for n in wanted if n in self.partitions):
                    value = self.partitions[name][number]
                    table = table.append_column(name, pa.repeat(value, len(raw)))
                yield Batch(table, file.name, first, start)
                first, start = first + raw.num_rows, start + raw.num_rows
        if start == 0:
            raise TableError(f"{self.name} has no rows")

    def _tidied(
        self, raw: pa.Table, wanted: Sequence[str], file: TableFile, first: int
    ) -> pa.Table:
        columns = {}
        for name in wanted:
            before = self.forms.get(name, "empty")
            column = tidy(file.typed(name, raw[name], before, first), self.missing)
            now = form(column.type)
            if not _fits(before, now):
                raise TableError(
                    f"{file.name}, rows {first + 1:,} to {first + raw.num_rows:,}: "
                    f"column {name!r} holds {column.type}, and before {before}: give "
                    "it the same type everywhere"
                )
            self.forms[name] = _joined(before, now)
            columns[name] = column
        return pa.table(columns)


def _ahead(batches: Iterator[Batch]) -> Generator[Batch]:
    """The same, while the next one is already being made."""
    with ThreadPoolExecutor(1, "chainrule-table") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _fits(before: Form, now: Form) -> bool:
    if "empty" in (before, now) or before == now:
        return True
    return {before, now} in ({"int", "float"}, {"text", "category"})


def _joined(before: Form, now: Form) -> Form:
    if before == "empty" or {before, now} == {"int", "float"}:
        return now if before == "empty" else "float"
    return before


def is_file(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a table is on disk, so that it can be read a batch at a time."""
    return isinstance(source, str | os.PathLike) and "://" not in os.fspath(source)


def open_stream(
    source: str | os.PathLike[str],
    *,
    missing: Collection[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    text: Collection[str] = (),
) -> TableStream:
    """Open a table to read it a batch at a time.

    Args:
        source: a Parquet, Arrow or text file, or several of them as `places` finds them
            in a folder, or by a pattern, read in the order of their names. Text may be
            compressed (gzip, bzip2, xz, zstd).
        missing: cells that count as missing, instead of `MISSING`.
        delimiter: what parts the cells of a text file; found by itself if not given.
        encoding: of a text file; UTF-8 by default.
        text: columns of text files that stay text, even where cells look like numbers.

    Raises:
        TableError: where there is no such file, or it holds no table.
    """
    if isinstance(missing, str):
        raise TableError(f"missing= takes a list of cells, such as [{missing!r}]")
    spelled = MISSING if missing is None else _spelled(missing)
    found = places(source)
    files = tuple(
        open_file(place, spelled, delimiter=delimiter, encoding=encoding, text=text)
        for place in found
    )
    partitions = partition_columns(found, files[0].columns)
    columns = (*files[0].columns, *partitions)
    return TableStream(files, spelled, columns, partitions)


def _spelled(missing: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("", *(cell.strip() for cell in missing))))


def labelled(batch: Batch, target: str) -> np.ndarray:
    """Whether each row has a target."""
    valid: np.ndarray = batch.table[target].is_valid().to_numpy()
    return valid.copy()


@contextmanager
def located(batch: Batch, which: np.ndarray) -> Iterator[None]:
    """Let a `TableError` about some rows of a batch name them as those of its file."""
    try:
        with numbered((batch.first + which).tolist()):
            yield
    except TableError as error:
        raise TableError(f"{batch.file}: {error}") from None


# --- the survey ---------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What a table holds, after one pass over it.

    - `rows` with a target, of `total`.
    - `test`, `validation`: rows to keep aside; `sample`: some of the others, among them
      one for whatever the encoding must know of (a gap, a rare class, a second value).
    - `missing` cells and `ranges` of the numbers, by column.
    - `classes`: how many rows each value of the target has, if there are few.
    """

    target: str
    seed: int
    total: int
    rows: int
    test: pa.Table
    validation: pa.Table
    sample: pa.Table
    missing: Mapping[str, int]
    ranges: Mapping[str, tuple[float, float]]
    classes: Mapping[Label, int] | None
    last_held: int

    @property
    def training(self) -> int:
        """How many rows there are to train on."""
        held: int = self.test.num_rows + self.validation.num_rows
        return self.rows - held

    def training_rows(self, batch: Batch) -> np.ndarray:
        """Which rows of a batch are trained on, as numbers in it, ascending."""
        usable = labelled(batch, self.target)
        words = _words(batch, self.seed)
        if self.last_held >= 0:
            usable &= words > np.uint64(self.last_held)
        return np.flatnonzero(usable)

    def corrected(self, schema: Schema) -> Schema:
        """The schema of the sample with the numbers of the whole table."""
        classes = schema.classes
        if classes and self.classes is not None:
            counts = self.classes
            classes = tuple((label, counts[label]) for label, _ in classes)
        return replace(
            schema,
            rows=self.rows,
            inputs=tuple(self._column(column) for column in schema.inputs),
            left_out=tuple(self._column(column) for column in schema.left_out),
            target=self._column(schema.target),
            classes=classes,
        )

    def _column(self, column: Column) -> Column:
        found = replace(column, missing=self.missing.get(column.name, column.missing))
        if column.low is None or column.name not in self.ranges:
            return found
        low, high = self.ranges[column.name]
        return replace(found, low=low, high=high)


def survey(
    stream: TableStream,
    target: str,
    *,
    seed: int = 0,
    validation: float = 0.0,
    test: float = 0.0,
    drop: Collection[str] = (),
    held: int = HELD_ROWS,
    sample: int = SAMPLE_ROWS,
) -> Survey:
    """Read a table once: count, and draw rows at random.

    The rows with the smallest hashes of `seed` and their numbers are the test rows,
    those with the next smallest ones the validation rows, and then comes the sample.

    Args:
        stream: the table.
        target: the column to predict; rows without it are not used.
        seed: decides which rows are drawn.
        validation: the share of validation rows, of which there are `held` at most.
        test: the share of test rows, likewise.
        drop: columns that are not looked at.
        held: how many rows each of these parts has at most.
        sample: how many rows the sample has, if there are as many.

    Raises:
        TableError: if there is no such target, or too few rows; and as `batches` does.
    """
    if target not in stream.columns:
        raise TableError(no_column(target, stream.columns))
    drawn = _Drawn(sample + held * (validation > 0) + held * (test > 0))
    tally = _Tally(target)
    total = rows = 0
    for batch in stream.batches([c for c in stream.columns if c not in drop]):
        usable = np.flatnonzero(labelled(batch, target))
        total, rows = total + len(batch), rows + len(usable)
        table = batch.table if len(usable) == len(batch) else batch.table.take(usable)
        drawn.add(_words(batch, seed)[usable], table)
        tally.add(table)
    if rows == 0:
        raise TableError(f"the target {target!r} has no value in any row")
    words, table = drawn.result()
    tests = min(round(rows * test), held)
    both = tests + min(round(rows * validation), held)
    if both >= rows:
        raise TableError(f"{count(rows, 'row')} are too few to part")
    chosen = tally.completed(table.slice(both, sample))
    return Survey(
        target,
        seed,
        total,
        rows,
        table.slice(0, tests),
        table.slice(tests, both - tests),
        chosen,
        tally.missing,
        tally.ranges,
        tally.classes,
        int(words[both - 1]) if both else -1,
    )


def _words(batch: Batch, seed: int) -> np.ndarray:
    return row_words(seed, "table", batch.start, len(batch))


class _Drawn:
    """The rows with the smallest words among all that were added."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._words: list[np.ndarray] = []
        self._tables: list[pa.Table] = []
        self._limit = np.uint64(2**64 - 1)
        self._count = 0

    def add(self, words: np.ndarray, table: pa.Table) -> None:
        """Look at some rows."""
        kept = np.flatnonzero(words <= self._limit)
        self._words.append(words[kept])
        self._tables.append(table.take(kept))
        self._count += len(kept)
        if self._count > 2 * self._most:
            self._prune()

    def result(self) -> tuple[np.ndarray, pa.Table]:
        """The words and the rows, the smallest word first."""
        self._prune()
        return self._words[0], self._tables[0]

    def _prune(self) -> None:
        words = np.concatenate(self._words)
        order = np.argsort(words, kind="stable")[: self._most]
        self._words = [words[order]]
        self._tables = [together(self._tables).take(order)]
        self._count = len(order)
        if self._count == self._most:
            self._limit = self._words[0][-1]


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables below one another, in which a column may be empty, or int and float.

    >>> a, b = pa.table({"x": pa.array([1])}), pa.table({"x": pa.array([0.5])})
    >>> together([a, b])["x"].to_pylist()
    [1.0, 0.5]
    """
    return pa.concat_tables(tables, promote_options="permissive").combine_chunks()


class _Tally:
    """Counts of all rows, and a row for each thing that few rows show."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.missing: dict[str, int] = {}
        self.ranges: dict[str, tuple[float, float]] = {}
        self.classes: dict[Label, int] | None = {}
        self._gaps: dict[str, pa.Table] = {}
        self._first: dict[str, pa.Scalar] = {}
        self._second: dict[str, pa.Table] = {}
        self._of_class: dict[Label, pa.Table] = {}

    def add(self, table: pa.Table) -> None:
        """Count some rows."""
        for name in table.column_names:
            column = table[name]
            gaps = column.null_count
            self.missing[name] = self.missing.get(name, 0) + gaps
            if gaps and name not in self._gaps:
                self._gaps[name] = _row(table, column.is_null())
            if gaps < len(column) and form(column.type) != "other":
                self._range(name, column)
                self._look_for_second(name, plain(column), table)
        if self.classes is not None:
            self._count_classes(table)

    def _range(self, name: str, column: pa.ChunkedArray) -> None:
        if form(column.type) not in ("int", "float"):
            return
        found = pc.min_max(column)
        low, high = float(found["min"].as_py()), float(found["max"].as_py())
        before = self.ranges.get(name, (low, high))
        self.ranges[name] = (min(low, before[0]), max(high, before[1]))

    def _look_for_second(
        self, name: str, values: pa.ChunkedArray, table: pa.Table
    ) -> None:
        if name in self._second:
            return
        if name not in self._first:
            self._first[name] = values.drop_null()[0]
        differs = pc.not_equal(values, self._first[name]).fill_null(fill_value=False)
        if pc.any(differs).as_py():
            self._second[name] = _row(table, differs)

    def _count_classes(self, table: pa.Table) -> None:
        values = plain(table[self._target])
        if self.classes is None or form(values.type) == "other":
            return
        for item in pc.value_counts(values).to_pylist():
            label, number = item["values"], item["counts"]
            if label not in self.classes:
                self._of_class[label] = _row(table, pc.equal(values, label))
            self.classes[label] = self.classes.get(label, 0) + number
        if len(self.classes) > MOST_CLASSES:
            self.classes, self._of_class = None, {}

    def completed(self, sample: pa.Table) -> pa.Table:
        """The sample, and rows for what it does not show."""
        more: list[pa.Table] = []
        for name in sample.column_names:
            column = sample[name]
            if name in self._gaps and not column.null_count:
                more.append(self._gaps[name])
            if name in self._second and pc.count_distinct(plain(column)).as_py() < 2:
                more.append(self._second[name])
        if self._of_class:
            there = set(pc.unique(plain(sample[self._target])).to_pylist())
            more += [row for k, row in self._of_class.items() if k not in there]
        return together([sample, *more]) if more else sample


def _row(table: pa.Table, where: pa.ChunkedArray) -> pa.Table:
    """The first row for which something is so, in memory of its own."""
    return table.take([pc.index(where, value=True).as_py()])
