"""Understanding a table: from columns of values to a `Schema`.

| module | understands |
|---|---|
| `infer` | the whole: which columns are inputs, what is asked for |
| `infer_inputs` | one column that may become an input |
| `infer_dates` | dates and times, also as text |
| `infer_names` | what the name of a column tells |
| `infer_target` | the target: classes, or a number |
| `infer_checks` | what a column may not hold, and what is said of it |
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from chainrule.tables.columns import labelled_rows, no_column
from chainrule.tables.errors import TableError, count, in_files, listed
from chainrule.tables.infer_checks import Survey
from chainrule.tables.infer_inputs import dropped_column, input_column
from chainrule.tables.infer_target import target_column
from chainrule.tables.read import files_of, read_table
from chainrule.tables.schema import INPUTS, Schema
from chainrule.tables.times import WRITTEN

__all__ = ["KINDS", "infer_schema"]

KINDS = ("number", "category", "boolean", "date")


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
    survey = Survey(target, _valid_rows(whole[target]), [])
    if table.num_rows < whole.num_rows:
        gone = count(whole.num_rows - table.num_rows, "row")
        survey.notes.append(f"{gone} without a {target!r} left out")
    goal, resolved, classes = target_column(survey, table, target, task)
    columns = [
        dropped_column(name, table[name])
        if name in drop
        else input_column(survey, name, table[name], kinds.get(name))
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


def _valid_rows(column: pa.ChunkedArray) -> np.ndarray:
    return np.flatnonzero(column.is_valid().to_numpy())
