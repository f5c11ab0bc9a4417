"""Understanding a table: from columns of values to a `Schema`."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import floats, form, plain
from chainrule.tables.errors import (
    TableError,
    category_advice,
    count,
    did_you_mean,
    drop_advice,
    in_files,
    listed,
    rows,
)
from chainrule.tables.read import files_of, read_table
from chainrule.tables.schema import INPUTS, Column, Label, Schema, Task
from chainrule.tables.text import (
    DATE,
    DECORATED,
    NUMBER,
    TRUTHS,
    are_codes,
    matches,
    parse_numbers,
    truths,
)
from chainrule.tables.times import WRITTEN, Written, how_written, parse_times

FEW = 20  # values at most that whole numbers may take and still look like classes
EACH = 5  # rows of each value on average, for whole numbers to be classes or codes
SURE = 0.9  # the share of a column that decides what the column is
WORDS = 6  # words on average, at which text is sentences rather than names
KINDS = ("number", "category", "boolean", "date")

_IDENTIFIER = re.compile(  # patient_id, PassengerId, pandas' unnamed index; not "acid"
    r"(?:^|.*[\s_.-])(?:id|index|uuid|rownames?|row_?number)$"
    r"|^unnamed: ?\d+$|^level_\d+$",
    re.IGNORECASE,
)
_CODE = re.compile(  # zip_code, store, product type, pclass; not "episode"
    r"(?:^|.*[\s_.-])(?:code|zip|zip_?code|post_?code|postal_?code|plz|fips|naics|sic|"
    r"type|kind|class|pclass|category|region|district|store|branch|dept|department)$",
    re.IGNORECASE,
)
_CAMEL_CODE = re.compile(r".*[a-z](Code|Zip|Type|Kind|Class|Category|Region|Store)$")
_CAMEL_IDENTIFIER = re.compile(r".*[a-z](Id|ID)$")


def infer_schema(
    table: Any,
    target: str,
    *,
    task: str | None = None,
    drop: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
) -> Schema:
    """Understand a table: which columns are inputs, and what the target asks for.

    Inputs are numbers, categories (text; whole numbers under a name such as
    ``zip_code``, if each occurs in five rows on average), true and false (also ``yes``
    and ``no``), and dates and times (also as text, see `chainrule.tables.times`). Left
    out, with the reason: columns without a value or with only one, and identifiers,
    i.e. text that differs in nearly every row, or distinct whole numbers under a name
    such as ``patient_id``.

    Text and true/false make classes. Whole numbers do too where there are few of them
    (20 at most, each in five rows on average); other numbers make a regression.

    Args:
        table: whatever `read_table` takes.
        target: the column to predict; rows without it are not counted.
        task: ``"classification"``, ``"binary"``, ``"multiclass"`` or ``"regression"``,
            where the target alone would be misunderstood.
        drop: columns to leave out.
        kinds: ``"number"``, ``"category"``, ``"boolean"`` or ``"date"`` for columns
            that would be misunderstood, e.g. ``{"size": "category"}``; for dates such
            as 5/6/2024, ``"date d/m/y"`` or ``"date m/d/y"``.

    Raises:
        TableError: naming the column, and the rows where a few are to blame: sentences,
            infinite values, words among numbers, a target with a single value, ...

    >>> table = {"size": [1, 2, 3, 5], "kind": ["a", "b", "b", "a"]}
    >>> schema = infer_schema(table, target="kind")
    >>> schema.task, schema.classes
    ('binary', (('a', 2), ('b', 2)))
    """
    whole = read_table(table)
    kinds = dict(kinds or {})
    _check_names(whole, target, drop, kinds)
    with in_files(files_of(whole)):
        return _surveyed(whole, target, task, set(drop), kinds)


def _surveyed(
    whole: pa.Table,
    target: str,
    task: str | None,
    drop: Collection[str],
    kinds: Mapping[str, str],
) -> Schema:
    table = labelled_rows(whole, target)
    survey = _Survey(target, _valid_rows(whole[target]), [])
    if table.num_rows < whole.num_rows:
        gone = count(whole.num_rows - table.num_rows, "row")
        survey.notes.append(f"{gone} without a {target!r} left out")
    goal, resolved, classes = survey.target(table, target, task)
    columns = [
        _dropped(name, table[name])
        if name in drop
        else survey.input(name, table[name], kinds.get(name))
        for name in table.column_names
        if name != target
    ]
    inputs = tuple(c for c in columns if c.kind in INPUTS)
    left_out = tuple(c for c in columns if c.kind not in INPUTS)
    if not inputs:
        reasons = [f"{column.name!r} ({column.why})" for column in left_out]
        only = f": {listed(reasons, len(reasons))}" if reasons else ""
        raise TableError(f"no column is left to predict {target!r} from{only}")
    return Schema(
        table.num_rows, inputs, left_out, goal, resolved, classes, tuple(survey.notes)
    )


def labelled_rows(table: pa.Table, target: str) -> pa.Table:
    """Keep the rows whose target is not missing.

    Raises:
        TableError: if there is no such column, or no such row.

    >>> labelled_rows(read_table({"x": [1, 2], "y": [None, "a"]}), "y").to_pydict()
    {'x': [2], 'y': ['a']}
    """
    if target not in table.column_names:
        raise TableError(no_column(target, table.column_names))
    column = table[target]
    if column.null_count == len(column):
        raise TableError(f"the target {target!r} has no value in any row")
    return table.filter(column.is_valid()) if column.null_count else table


def no_column(name: str, known: Sequence[str]) -> str:
    """Say that a column is not there, and what may have been meant."""
    if len(known) == 1:
        return (
            f"there is no column {name!r}: the table has only {known[0]!r}; if that "
            "is several columns, name the delimiter (delimiter=..., or --delimiter)"
        )
    return f"there is no column {name!r}; {did_you_mean(name, known)}"


def _check_names(
    table: pa.Table, target: str, drop: Collection[str], kinds: Mapping[str, str]
) -> None:
    if isinstance(drop, str):
        raise TableError(f"drop= takes a list of columns, such as [{drop!r}]")
    for name in (target, *drop, *kinds):
        if name not in table.column_names:
            raise TableError(no_column(name, table.column_names))
    if target in drop:
        raise TableError(f"{target!r} is the target; it cannot be dropped")
    if target in kinds:
        raise TableError(f"{target!r} is the target; say what it is with task=")
    for name, kind in kinds.items():
        plain_kind, _, written = str(kind).partition(" ")
        dated = plain_kind == "date" and written in ("", *WRITTEN)
        if kind not in KINDS and not dated:
            raise TableError(
                f"kinds= says {', '.join(map(repr, KINDS))}, 'date d/m/y' or "
                f"'date m/d/y' of a column, not {kind!r} ({name!r})"
            )


def _dropped(name: str, column: pa.ChunkedArray) -> Column:
    missing = column.null_count
    return Column(name, "dropped", form(column.type), missing, 0, why="as asked")


def _valid_rows(column: pa.ChunkedArray) -> np.ndarray:
    return np.flatnonzero(column.is_valid().to_numpy())


@dataclass(frozen=True, slots=True)
class _Survey:
    """Looks at one column after the other and keeps notes.

    ``goal`` is the name of the target. ``origin`` holds where each row stood before
    the rows without a target were taken out: errors name rows as the user counts them.
    """

    goal: str
    origin: np.ndarray
    notes: list[str]

    # --- inputs ---

    def input(self, name: str, column: pa.ChunkedArray, wanted: str | None) -> Column:
        missing, held = column.null_count, form(column.type)
        if held == "empty" or missing == len(column):
            return Column(name, "empty", held, missing, 0, why="no value at all")
        self.refuse_other(name, column)
        values = plain(column)
        distinct: int = pc.count_distinct(values).as_py()
        if distinct == 1 and not missing:
            why = f"always {_shortened(repr(values[0].as_py()))}"
            return Column(name, "constant", held, 0, 1, why=why)
        return self._varied_input(name, column, distinct, wanted)

    def _varied_input(
        self, name: str, column: pa.ChunkedArray, distinct: int, wanted: str | None
    ) -> Column:
        held, missing, values = form(column.type), column.null_count, plain(column)
        if held in ("date", "time") or (wanted or "").startswith("date"):
            return self._date_input(name, values, distinct, wanted)
        declared = {"bool": "boolean", "category": "category"}.get(held)
        match wanted or declared:
            case "category":
                if form(values.type) == "float":
                    self.range(name, values)
                return Column(name, "category", held, missing, distinct)
            case "boolean":
                self.refuse_not_boolean(name, values)
                return Column(name, "boolean", held, missing, distinct)
        if form(values.type) == "text":
            return self._text_input(name, values, distinct, wanted)
        return self._number_input(name, values, distinct, wanted)

    def _date_input(
        self, name: str, values: pa.ChunkedArray, distinct: int, wanted: str | None
    ) -> Column:
        held, missing = form(values.type), values.null_count
        if wanted is not None and not wanted.startswith("date"):
            raise TableError(
                f"column {name!r} holds dates or times ({values.type}), which are no "
                f"{wanted}; turn it into a column of {wanted} values, or leave "
                f"{name!r} out of kinds="
            )
        if held in ("date", "time"):
            written: str = "iso" if held == "date" else "clock"
        elif held == "text":
            _, _, asked = (wanted or "").partition(" ")
            written = self._written(name, values, asked)
        else:
            raise TableError(
                f"column {name!r} holds numbers, not dates; if they count days or "
                f"seconds they are best as numbers, or else turn them into dates"
            )
        return Column(name, "date", held, missing, distinct, written=written)

    def _written(self, name: str, text: pa.ChunkedArray, asked: str) -> Written:
        """Decide how the dates of a column are written; refuse cells that are none."""
        fitting = how_written(text)
        ways = tuple(w for w in WRITTEN if w == asked) or fitting
        if not ways:
            raise TableError(
                f"column {name!r} holds text, not dates, such as {_example(text)}"
            )
        if len(ways) > 1:
            raise TableError(
                f"column {name!r} holds dates such as {_example(text)}, where day and "
                f"month could be either; say kinds={{{name!r}: 'date d/m/y'}} or "
                f"'date m/d/y' (--date {name}=d/m/y), write them as 2024-01-31, or "
                f"{drop_advice(name)}"
            )
        _, good = parse_times(text, ways[0])
        if not good.all():
            bad = pa.array(np.flatnonzero(~good))
            cells = pc.unique(text.take(bad)).to_pylist()
            shown = listed((_shortened(repr(cell)) for cell in cells), len(cells))
            where = rows(self.origin[bad.to_numpy()].tolist())
            raise TableError(
                f"column {name!r} holds dates ({ways[0]}), but also {shown} ({where}); "
                f"correct it, or say missing=[{cells[0]!r}] (--missing) if that means "
                f"missing, or {self._way_out(name)}"
            )
        return ways[0]

    def _number_input(
        self, name: str, values: pa.ChunkedArray, distinct: int, wanted: str | None
    ) -> Column:
        held, missing = form(values.type), values.null_count
        low, high = self.range(name, values)
        each_differs = distinct == len(values) - missing and distinct > 10
        if wanted is None and held == "int" and each_differs and _is_identifier(name):
            why = "an identifier, different in every row"
            return Column(name, "identifier", held, missing, distinct, why=why)
        repeats = 2 < distinct <= (len(values) - missing) / EACH
        if wanted is None and repeats and _is_code(name) and _are_whole(values):
            self.notes.append(
                f"{name!r} holds codes, taken as categories; if they are amounts, "
                f"kinds={{{name!r}: 'number'}} (--number {name})"
            )
            return Column(name, "category", held, missing, distinct)
        return Column(name, "number", held, missing, distinct, low, high)

    def _text_input(
        self, name: str, text: pa.ChunkedArray, distinct: int, wanted: str | None
    ) -> Column:
        missing, present = text.null_count, len(text) - text.null_count
        if wanted is None and _are_truths(text, distinct):
            return Column(name, "boolean", "text", missing, distinct)
        numeric = parse_numbers(text) is not None and not are_codes(text)
        if wanted == "number" or (numeric and distinct > FEW):
            low, high = self.range(name, text)
            if wanted is None:
                self.notes.append(
                    f"{name!r} holds numbers stored as text, taken as numbers; if they "
                    f"are codes, {category_advice(name)}"
                )
            return Column(name, "number", "text", missing, distinct, low, high)
        if self._are_dates(text):
            written = self._written(name, text, "")
            return Column(name, "date", "text", missing, distinct, written=written)
        self.refuse_text(name, text)
        self._refuse_sentences(name, text, distinct)
        if distinct > SURE * present and distinct > 10 and not numeric:
            why = f"text that differs in nearly every row, such as {_example(text)}"
            return Column(name, "identifier", "text", missing, distinct, why=why)
        return Column(name, "category", "text", missing, distinct)

    def _are_dates(self, text: pa.ChunkedArray) -> bool:
        """Tell whether most cells of a column are dates or times of one writing."""
        ways = how_written(text)
        if not ways:
            return False
        there = text.drop_null()
        return bool(parse_times(there, ways[0])[1].mean() >= SURE)

    def _refuse_sentences(
        self, name: str, text: pa.ChunkedArray, distinct: int
    ) -> None:
        """Refuse text that somebody wrote: no category repeats, and it is no name."""
        there = text.drop_null()
        if distinct <= max(FEW, len(there) / 2):
            return
        words: float = pc.mean(pc.count_substring_regex(there, r"\S+")).as_py()
        if words >= WORDS:
            raise TableError(
                f"column {name!r} holds free text, such as {_example(text)}, which a "
                f"network for tables cannot read; {drop_advice(name)}, or "
                f"{category_advice(name)}"
            )

    def refuse_not_boolean(self, name: str, values: pa.ChunkedArray) -> None:
        """Refuse a column that is to be true and false and holds something else."""
        if truths(values) is None:
            cells = pc.unique(values.drop_null()).to_pylist()
            shown = listed((_shortened(repr(cell)) for cell in cells), len(cells))
            raise TableError(
                f"column {name!r} is to be true and false, but holds {shown}; true and "
                f"false are written {', '.join('/'.join(pair) for pair in TRUTHS)} "
                "or 1/0"
            )

    def range(self, name: str, values: pa.ChunkedArray) -> tuple[float, float]:
        """Give the smallest and the largest number, refusing what is none."""
        numbers = floats(values)
        if numbers is None:
            raise TableError(self._not_numbers(name, values))
        refuse_infinite(name, numbers, self.origin)
        return float(np.nanmin(numbers)), float(np.nanmax(numbers))

    def refuse_other(self, name: str, column: pa.ChunkedArray) -> None:
        """Refuse lists and the like, and dates to predict."""
        kind = column.type
        way_out = "" if name == self.goal else f", or {drop_advice(name)}"
        if form(kind) in ("date", "time") and name == self.goal:
            raise TableError(_a_date(name, f"dates or times ({kind})"))
        if form(kind) == "other":
            raise TableError(
                f"column {name!r} holds {kind}, but a cell is a number, text, or true "
                f"or false; turn it into such columns{way_out}"
            )

    def refuse_text(self, name: str, text: pa.ChunkedArray) -> None:
        """Refuse dates, and numbers that a few cells or signs keep from being some."""
        counts = pc.value_counts(text.drop_null())
        cells, number = counts.field("values"), counts.field("counts").to_numpy()

        def matching(pattern: str) -> np.ndarray:
            found = matches(cells, pattern).to_numpy(zero_copy_only=False)
            return np.asarray(number[found])

        def share(pattern: str) -> float:
            return float(matching(pattern).sum() / number.sum())

        if share(DATE) >= SURE:
            what = f"dates or times, such as {_example(text)}"
            raise TableError(f"{_a_date(name, what)}, or {self._way_out(name)}")
        if _is_spoilt(matching(NUMBER), number):
            raise TableError(self._not_numbers(name, text))
        if len(cells) > FEW and share(DECORATED) >= SURE and share(NUMBER) < 1:
            raise TableError(
                f"column {name!r} holds numbers written with signs, such as "
                f"{_example(text)}; write plain numbers (1234.5), or "
                f"{self._way_out(name)}"
            )

    def _way_out(self, name: str) -> str:
        if name == self.goal:
            return "take it as classes (task='classification', --task classification)"
        return f"{drop_advice(name)}, or {category_advice(name)}"

    def _not_numbers(self, name: str, text: pa.ChunkedArray) -> str:
        """Name the cells of a column of numbers that are none, and their rows."""
        bad = pc.invert(matches(text, NUMBER)).fill_null(fill_value=False)
        spoilt = self.origin[np.flatnonzero(bad.to_numpy())]
        cells = pc.unique(text.filter(bad)).to_pylist()
        shown = listed((_shortened(repr(cell)) for cell in cells), len(cells))
        where = rows(spoilt.tolist())
        if spoilt.size == len(text) - text.null_count:
            return f"column {name!r} holds text, not numbers: {shown} ({where})"
        return (
            f"column {name!r} holds numbers, but also {shown} ({where}); correct it, "
            f"or say missing=[{cells[0]!r}] (--missing) if that means missing, or "
            f"{self._way_out(name)}"
        )

    # --- the target ---

    def target(
        self, table: pa.Table, name: str, wanted: str | None
    ) -> tuple[Column, Task, tuple[tuple[Label, int], ...]]:
        allowed = ("classification", *get_args(Task))
        if wanted is not None and wanted not in allowed:
            raise TableError(f"task= is one of {', '.join(allowed)}; not {wanted!r}")
        column = table[name]
        self.refuse_other(name, column)
        values = plain(column)
        distinct: int = pc.count_distinct(values).as_py()
        if len(values) == 1:
            raise TableError("one row is not enough to learn from")
        if distinct == 1:
            raise TableError(
                f"the target {name!r} is {values[0].as_py()!r} in every row: there is "
                "nothing to learn"
            )
        if wanted is None:
            regression = self._is_measure(name, column, distinct)
        else:
            regression = wanted == "regression"
        held = form(values.type)
        low, high = None, None
        if regression or held == "float":
            low, high = self.range(name, values)
        if not regression:
            return _classes(name, values, wanted)
        return Column(name, "number", held, 0, distinct, low, high), "regression", ()

    def _is_measure(self, name: str, column: pa.ChunkedArray, distinct: int) -> bool:
        """Decide whether a target is a number to come close to, or a class to hit."""
        held = form(column.type)
        if held in ("bool", "category"):
            return False
        if held == "text":
            numeric = parse_numbers(column) is not None
            if not numeric:
                self.refuse_text(name, column)
            return numeric and distinct > FEW
        numbers = floats(column)
        whole = numbers is not None and bool(np.all(numbers == np.floor(numbers)))
        several = held == "int" and distinct <= min(FEW, len(column) / EACH)
        if not whole or (distinct > 2 and not several):
            return True
        self.notes.append(
            f"{name!r} has {distinct} different whole numbers, taken as classes; to "
            "predict it as a number: task='regression' (--task regression)"
        )
        return False


def _is_identifier(name: str) -> bool:
    return bool(_IDENTIFIER.match(name) or _CAMEL_IDENTIFIER.match(name))


def _is_code(name: str) -> bool:
    return bool(_CODE.match(name) or _CAMEL_CODE.match(name))


def _are_whole(values: pa.ChunkedArray) -> bool:
    """Whether all numbers are whole, whatever type a library has given them."""
    numbers = floats(values)
    if numbers is None:
        return False
    there = numbers[~np.isnan(numbers)]
    return bool(np.all(there == np.floor(there)))


def _are_truths(text: pa.ChunkedArray, distinct: int) -> bool:
    """Tell a column of ``yes`` and ``no``: both are there, and nothing else."""
    if distinct > 8:  # a pair in several capitals
        return False
    cells = {cell.lower() for cell in pc.unique(text.drop_null()).to_pylist()}
    return any(cells == set(pair) for pair in TRUTHS)


def _is_spoilt(numeric: np.ndarray, counts: np.ndarray) -> bool:
    """Tell numbers with a few stray cells from text which holds some numbers.

    ``counts`` has the rows of each different cell, ``numeric`` of those that are
    numbers. Sizes such as ``38, 39, 40, 40/41`` are no spoilt numbers: they are few.
    """
    others = counts.size - numeric.size
    various = numeric.size > FEW or numeric.size >= SURE * numeric.sum() > 3
    enough = SURE if others > 3 else 0.5
    return bool(others and various and numeric.sum() >= enough * counts.sum())


def _classes(
    name: str, values: pa.ChunkedArray, wanted: str | None
) -> tuple[Column, Task, tuple[tuple[Label, int], ...]]:
    counted = pc.value_counts(values).to_pylist()
    classes = sorted((item["values"], item["counts"]) for item in counted)
    held = form(values.type)
    # who says "multiclass" means it, unless every row differs
    most = len(values) - 1 if wanted == "multiclass" else len(values) / 2
    if len(classes) > max(FEW, most):
        number = "; for a number: task='regression' (--task regression)"
        raise TableError(
            f"the target {name!r} has {len(classes):,} different values in "
            f"{count(len(values), 'row')}, too many to be classes"
            f"{number if held in ('int', 'float') else ''}"
        )
    if wanted == "binary" and len(classes) != 2:
        labels = listed((label for label, _ in classes), len(classes))
        raise TableError(
            f"task 'binary' needs two classes, but {name!r} has {len(classes):,}: "
            f"{labels}"
        )
    two = len(classes) == 2 and wanted != "multiclass"
    column = Column(name, "category", held, 0, len(classes))
    return column, "binary" if two else "multiclass", tuple(classes)


# --- what is refused -----------------------------------------------------------------


def refuse_infinite(name: str, numbers: np.ndarray, origin: np.ndarray) -> None:
    """Raise a `TableError` that names the rows where a number is infinite."""
    infinite = origin[np.isinf(numbers)]
    if infinite.size:
        raise TableError(
            f"column {name!r} is infinite in {rows(infinite.tolist())}; write a finite "
            "number there, or leave the cell empty (missing)"
        )


def _a_date(name: str, what: str) -> str:
    return (
        f"column {name!r} holds {what}, which a network cannot read; turn it into "
        "numbers such as the year, the month, or the days since some day"
    )


def _example(text: pa.ChunkedArray) -> str:
    return _shortened(repr(text[pc.index(text.is_valid(), value=True).as_py()].as_py()))


def _shortened(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
