"""What the reader and the encoder say when a table is not what they need."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np

SHOWN = 5  # how many rows, names or cells one message lists before it counts the rest


class TableError(ValueError):
    """A table that cannot be read, understood or encoded; the message says why."""


class TableWarning(UserWarning):
    """A table that was encoded although training says nothing of something in it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something new in a column at prediction, and how it was encoded all the same.

    Args:
        column: the column's name.
        rows: how many rows are concerned.
        problem: what is new, such as ``"missing"`` or ``"new category"``.
        detail: which values, and what stands for them.
        first: the first few of the rows, counted from 0; empty where nobody looked.
        learned: whether training rows show what to make of it, as the rare categories
            do of a new one; then it is worth a note, and no warning.

    >>> print(Finding("age", 2, "missing", "the median 38 stands for it"))
    column 'age': missing in 2 rows; the median 38 stands for it
    >>> print(Finding.of("age", [3, 8], "missing", "the median 38 stands for it"))
    column 'age': missing in rows 4 and 9; the median 38 stands for it
    """

    column: str
    rows: int
    problem: str
    detail: str
    first: tuple[int, ...] = ()
    learned: bool = False

    @classmethod
    def of(
        cls,
        column: str,
        indices: Sequence[int] | np.ndarray,
        problem: str,
        detail: str,
        *,
        learned: bool = False,
    ) -> Self:
        """Note what is new in these rows, counted from 0."""
        first = tuple(_places(indices[:SHOWN]))
        return cls(column, len(indices), problem, detail, first, learned)

    def __str__(self) -> str:
        """Say it in one sentence."""
        counted = count(self.rows, "row")
        where = _numbered(self.first, self.rows) if self.first else counted
        return f"column {self.column!r}: {self.problem} in {where}; {self.detail}"


def count(number: int, noun: str) -> str:
    """Write a number with its noun, in the plural unless it is one.

    >>> count(1, "row"), count(12345, "row")
    ('1 row', '12,345 rows')
    """
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    if noun.endswith("ss"):
        plural = f"{noun}es"
    return f"{number:,} {plural}"


def listed(items: Iterable[object], total: int) -> str:
    """Join the first few of ``total`` items, and count the others.

    >>> listed(["a", "b"], 2), listed(range(9), 9)
    ('a and b', '0, 1, 2, 3, 4 and 4 more')
    """
    shown = [str(item) for item in islice(items, SHOWN)]
    if total > len(shown):
        return f"{', '.join(shown)} and {total - len(shown):,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def names(columns: Sequence[str]) -> str:
    """Quote and join column names.

    >>> names(["age", "sex"])
    "'age' and 'sex'"
    """
    return listed((repr(name) for name in columns), len(columns))


# Where the rows that are looked at stand in a larger table, if they do.
_numbers: ContextVar[Sequence[int] | np.ndarray | None] = ContextVar(
    "numbers", default=None
)


@contextmanager
def numbered(numbers: Sequence[int] | np.ndarray) -> Iterator[None]:
    """Within, `rows` names row `i` as the row `numbers[i]` of a larger table.

    >>> with numbered([100, 200]):
    ...     rows([1])
    'row 201'
    """
    token = _numbers.set(numbers)
    try:
        yield
    finally:
        _numbers.reset(token)


def rows(indices: Sequence[int]) -> str:
    """Name rows as people count them: from 1, below the header.

    >>> rows([0, 16]), rows([4])
    ('rows 1 and 17', 'row 5')
    """
    return _numbered(_places(indices), len(indices))


def _places(indices: Sequence[int] | np.ndarray) -> list[int]:
    """Say where rows stand in the larger table, if there is one."""
    known = _numbers.get()
    return [int(index if known is None else known[index]) for index in indices]


# How many rows are from which file, in order, where a table is made of several.
_files: ContextVar[Sequence[tuple[str, int]]] = ContextVar("files", default=())


@contextmanager
def in_files(files: Sequence[tuple[str, int]]) -> Iterator[None]:
    """Within, rows are named by their file, if there are several.

    >>> with in_files([("a.csv", 10), ("b.csv", 10)]):
    ...     rows([1, 10])
    'row 2 of a.csv and row 1 of b.csv'
    """
    token = _files.set(files)
    try:
        yield
    finally:
        _files.reset(token)


def _numbered(places: Sequence[int], total: int) -> str:
    if _files.get():
        return listed((_in_file(place) for place in places), total)
    numbers = listed((f"{place + 1:,}" for place in places), total)
    return f"{'row' if total == 1 else 'rows'} {numbers}"


def _in_file(place: int) -> str:
    for file, held in _files.get():
        if place < held:
            return f"row {place + 1:,} of {file}"
        place -= held
    raise IndexError(f"row {place} beyond all files")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Suggest the known names that are closest to a wrong one, capitals aside.

    >>> did_you_mean("Diagnosys", ["age", "diagnosis"])
    "did you mean 'diagnosis'?"
    """
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold().strip(), candidate)
    close = difflib.get_close_matches(name.casefold().strip(), folded, n=3)
    if close:
        return f"did you mean {' or '.join(repr(folded[match]) for match in close)}?"
    return f"the columns are {names(known)}"


def drop_advice(name: str) -> str:
    """Say how a column is left out, in Python and on the command line."""
    return f"drop it (drop=[{name!r}], or --drop {_typed(name)})"


def category_advice(name: str) -> str:
    """Say how a column is taken as categories, in Python and on the command line."""
    flag = f"--category {_typed(name)}"
    return f"take it as categories (kinds={{{name!r}: 'category'}}, or {flag})"


def _typed(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'
