"""Understanding the target: which classes to tell apart, or which number to predict."""

from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import floats, form, plain
from chainrule.tables.errors import TableError, count, listed
from chainrule.tables.infer_checks import FEW, Survey
from chainrule.tables.infer_inputs import EACH
from chainrule.tables.schema import Column, Label, Task
from chainrule.tables.text import parse_numbers

__all__ = ["target_column"]


def target_column(
    survey: Survey, table: pa.Table, name: str, wanted: str | None
) -> tuple[Column, Task, tuple[tuple[Label, int], ...]]:
    """Understand the target; its column, the task, and its classes with their rows.

    Raises `TableError` where it cannot be predicted, or not as ``wanted``.
    """
    allowed = ("classification", *get_args(Task))
    if wanted is not None and wanted not in allowed:
        raise TableError(f"task= is one of {', '.join(allowed)}; not {wanted!r}")
    column = table[name]
    survey.refuse_other(name, column)
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
        regression = _is_measure(survey, name, column, distinct)
    else:
        regression = wanted == "regression"
    held = form(values.type)
    low, high = None, None
    if regression or held == "float":
        low, high = survey.range(name, values)
    if not regression:
        return _classes(name, values, wanted)
    return Column(name, "number", held, 0, distinct, low, high), "regression", ()


def _is_measure(
    survey: Survey, name: str, column: pa.ChunkedArray, distinct: int
) -> bool:
    """Decide whether a target is a number to come close to, or a class to hit."""
    held = form(column.type)
    if held in ("bool", "category"):
        return False
    if held == "text":
        numeric = parse_numbers(column) is not None
        if not numeric:
            survey.refuse_text(name, column)
        return numeric and distinct > FEW
    numbers = floats(column)
    whole = numbers is not None and bool(np.all(numbers == np.floor(numbers)))
    several = held == "int" and distinct <= min(FEW, len(column) / EACH)
    if not whole or (distinct > 2 and not several):
        return True
    survey.notes.append(
        f"{name!r} has {distinct} different whole numbers, taken as classes; to "
        "predict it as a number: task='regression' (--task regression)"
    )
    return False


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
