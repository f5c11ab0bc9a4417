"""Understanding the columns that may become inputs: numbers, categories, dates ..."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import floats, form, plain
from chainrule.tables.errors import category_advice
from chainrule.tables.infer_checks import FEW, SURE, Survey, example, shortened
from chainrule.tables.infer_dates import are_dates, date_column
from chainrule.tables.infer_names import is_code, is_identifier
from chainrule.tables.schema import Column
from chainrule.tables.text import TRUTHS, are_codes, parse_numbers

__all__ = ["EACH", "dropped_column", "input_column"]

EACH = 5  # rows of each value on average, for whole numbers to be classes or codes


def dropped_column(name: str, column: pa.ChunkedArray) -> Column:
    """Tell of a column that is left out as asked."""
    missing = column.null_count
    return Column(name, "dropped", form(column.type), missing, 0, why="as asked")


def input_column(
    survey: Survey, name: str, column: pa.ChunkedArray, wanted: str | None
) -> Column:
    """Understand a column as an input, or say why it is left out.

    ``wanted`` is the kind that was asked for, if any. Raises `TableError` for what it
    may not hold.
    """
    missing, held = column.null_count, form(column.type)
    if held == "empty" or missing == len(column):
        return Column(name, "empty", held, missing, 0, why="no value at all")
    survey.refuse_other(name, column)
    values = plain(column)
    distinct: int = pc.count_distinct(values).as_py()
    if distinct == 1 and not missing:
        why = f"always {shortened(repr(values[0].as_py()))}"
        return Column(name, "constant", held, 0, 1, why=why)
    return _varied(survey, name, column, distinct, wanted)


def _varied(
    survey: Survey,
    name: str,
    column: pa.ChunkedArray,
    distinct: int,
    wanted: str | None,
) -> Column:
    held, missing, values = form(column.type), column.null_count, plain(column)
    if held in ("date", "time") or (wanted or "").startswith("date"):
        return date_column(survey, name, values, distinct, wanted)
    declared = {"bool": "boolean", "category": "category"}.get(held)
    match wanted or declared:
        case "category":
            if form(values.type) == "float":
                survey.range(name, values)
            return Column(name, "category", held, missing, distinct)
        case "boolean":
            survey.refuse_not_boolean(name, values)
            return Column(name, "boolean", held, missing, distinct)
    if form(values.type) == "text":
        return _text(survey, name, values, distinct, wanted)
    return _numbers(survey, name, values, distinct, wanted)


def _numbers(
    survey: Survey,
    name: str,
    values: pa.ChunkedArray,
    distinct: int,
    wanted: str | None,
) -> Column:
    held, missing = form(values.type), values.null_count
    low, high = survey.range(name, values)
    each_differs = distinct == len(values) - missing and distinct > 10
    if wanted is None and held == "int" and each_differs and is_identifier(name):
        why = "an identifier, different in every row"
        return Column(name, "identifier", held, missing, distinct, why=why)
    repeats = 2 < distinct <= (len(values) - missing) / EACH
    if wanted is None and repeats and is_code(name) and _are_whole(values):
        survey.notes.append(
            f"{name!r} holds codes, taken as categories; if they are amounts, "
            f"kinds={{{name!r}: 'number'}} (--number {name})"
        )
        return Column(name, "category", held, missing, distinct)
    return Column(name, "number", held, missing, distinct, low, high)


def _text(
    survey: Survey, name: str, text: pa.ChunkedArray, distinct: int, wanted: str | None
) -> Column:
    missing, present = text.null_count, len(text) - text.null_count
    if wanted is None and _are_truths(text, distinct):
        return Column(name, "boolean", "text", missing, distinct)
    numeric = parse_numbers(text) is not None and not are_codes(text)
    if wanted == "number" or (numeric and distinct > FEW):
        low, high = survey.range(name, text)
        if wanted is None:
            survey.notes.append(
                f"{name!r} holds numbers stored as text, taken as numbers; if they "
                f"are codes, {category_advice(name)}"
            )
        return Column(name, "number", "text", missing, distinct, low, high)
    if are_dates(text):
        return date_column(survey, name, text, distinct, None)
    survey.refuse_text(name, text)
    survey.refuse_sentences(name, text, distinct)
    if distinct > SURE * present and distinct > 10 and not numeric:
        why = f"text that differs in nearly every row, such as {example(text)}"
        return Column(name, "identifier", "text", missing, distinct, why=why)
    return Column(name, "category", "text", missing, distinct)


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
