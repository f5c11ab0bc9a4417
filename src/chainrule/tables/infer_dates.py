"""Understanding columns of dates and times, also where they are text."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import form
from chainrule.tables.errors import TableError, drop_advice, listed, rows
from chainrule.tables.infer_checks import SURE, Survey, example, shortened
from chainrule.tables.schema import Column
from chainrule.tables.times import WRITTEN, Written, how_written, parse_times

__all__ = ["are_dates", "date_column"]


def date_column(
    survey: Survey,
    name: str,
    values: pa.ChunkedArray,
    distinct: int,
    wanted: str | None,
) -> Column:
    """Understand a column of dates or times, or of text that is to be such.

    Raises `TableError` where it holds something else, or day and month are in doubt.
    """
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
        written = _written(survey, name, values, asked)
    else:
        raise TableError(
            f"column {name!r} holds numbers, not dates; if they count days or "
            f"seconds they are best as numbers, or else turn them into dates"
        )
    return Column(name, "date", held, missing, distinct, written=written)


def are_dates(text: pa.ChunkedArray) -> bool:
    """Tell whether most cells of a column are dates or times of one writing."""
    ways = how_written(text)
    if not ways:
        return False
    there = text.drop_null()
    return bool(parse_times(there, ways[0])[1].mean() >= SURE)


def _written(survey: Survey, name: str, text: pa.ChunkedArray, asked: str) -> Written:
    """Decide how the dates of a column are written; refuse cells that are none."""
    fitting = how_written(text)
    ways = tuple(w for w in WRITTEN if w == asked) or fitting
    if not ways:
        raise TableError(
            f"column {name!r} holds text, not dates, such as {example(text)}"
        )
    if len(ways) > 1:
        raise TableError(
            f"column {name!r} holds dates such as {example(text)}, where day and "
            f"month could be either; say kinds={{{name!r}: 'date d/m/y'}} or "
            f"'date m/d/y' (--date {name}=d/m/y), write them as 2024-01-31, or "
            f"{drop_advice(name)}"
        )
    _, good = parse_times(text, ways[0])
    if not good.all():
        bad = pa.array(np.flatnonzero(~good))
        cells = pc.unique(text.take(bad)).to_pylist()
        shown = listed((shortened(repr(cell)) for cell in cells), len(cells))
        where = rows(survey.origin[bad.to_numpy()].tolist())
        raise TableError(
            f"column {name!r} holds dates ({ways[0]}), but also {shown} ({where}); "
            f"correct it, or say missing=[{cells[0]!r}] (--missing) if that means "
            f"missing, or {survey.way_out(name)}"
        )
    return ways[0]
