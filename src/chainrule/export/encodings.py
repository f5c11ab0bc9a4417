"""How a table becomes inputs of a network, and outputs predictions, as a graph.

Each kind of column has one rule, in tensors: raw values in, inputs of the network out.
So every format that can write a graph can write the encoding, and a new kind of column
is one more rule. What only a format can do, telling what text says, is left to it: text
comes in as the numbers that `Codes` give it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from chainrule import functions as F
from chainrule import ops
from chainrule.export.errors import ExportError
from chainrule.export.model import Codes
from chainrule.ir import Array
from chainrule.tables.categories import (
    BooleanColumn,
    CategoryColumn,
    EmbeddedColumn,
)
from chainrule.tables.dates import DateColumn
from chainrule.tables.encode import InputColumn
from chainrule.tables.numbers import FARTHEST, NumberColumn, QuantileColumn
from chainrule.tables.skew import Transform
from chainrule.tables.targets import NumberTarget
from chainrule.tables.text import TRUTHS
from chainrule.tensor import Tensor

# What text that is missing is coded as, and text that is neither true nor false.
MISSING: Final = -1

_TOGETHER: Final = 16  # columns that are joined at a time

Inputs: TypeAlias = list[Tensor]
Rule: TypeAlias = Callable[[Any, Tensor], Inputs]
Categories: TypeAlias = CategoryColumn | EmbeddedColumn


def rule_of(column: InputColumn) -> Rule:
    """What makes inputs, of shape `(rows,)` or `(rows, k)`, of a column.

    Raises `ExportError` for a kind of column that has no rule.
    """
    rule = _RULES.get(type(column))
    if rule is None:
        raise ExportError(
            f"column {column.name!r} is encoded as {type(column).__name__}, which "
            "cannot be exported; export the network alone (run.net), and encode with "
            "run.encoder, or leave the column out of the training (drop=)"
        )
    return rule


# --- numbers ------------------------------------------------------------------------


def _number(column: NumberColumn, raw: Tensor) -> Inputs:
    x, missing = _filled(raw, column.median)
    z = _standardised(x, column.center, column.scale)
    if column.bound is not None:
        z = z / F.sqrt(1.0 + F.square(z / column.bound))
    return [z, missing][: 1 + column.flagged]


def _quantile(column: QuantileColumn, raw: Tensor) -> Inputs:
    x, missing = _filled(raw, column.median)
    score = interpolated(x, column.knots, column.scores)
    return [score, missing][: 1 + column.flagged]


def _filled(raw: Tensor, stand_in: float) -> tuple[Tensor, Tensor]:
    """The numbers, with something in the gaps; and where the gaps are."""
    missing = F.isnan(raw)
    return F.where(missing, stand_in, raw), missing


def _standardised(x: Tensor, center: float, scale: float) -> Tensor:
    return F.clip((x - center) / scale, -FARTHEST, FARTHEST)


def interpolated(x: Tensor, knots: Sequence[float], values: Sequence[float]) -> Tensor:
    """A straight line between any two knots, and level beyond the last ones."""
    at, y = np.array(knots), np.array(values)
    if len(at) == 1:
        return x * 0.0 + float(y[0])
    x = F.clip(x, float(at[0]), float(at[-1]))
    slope = np.diff(y) / np.diff(at)
    if len(at) == 2:
        return float(y[0]) + (x - float(at[0])) * float(slope[0])
    above = F.expand_dims(x, 1) >= at[1:-1]
    place = F.sum(above.astype(np.int64), 1)
    start, base, steep = (_looked_up(a, place) for a in (at[:-1], y[:-1], slope))
    return base + (x - start) * steep


def _looked_up(numbers: Array, place: Tensor) -> Tensor:
    """One of the numbers for each row; the place is known to be one of theirs."""
    return Tensor(ops.take(ops.constant(numbers), (0,), [place.value]))


# --- categories ---------------------------------------------------------------------


def codes_of(column: InputColumn, form: str, missing: Sequence[str]) -> Codes | None:
    """How text in a column is told apart; `None` where numbers come in.

    `form` is the one that the column had in training, and `missing` the cells that
    counted as missing.
    """
    if isinstance(column, BooleanColumn) and form in ("text", "category"):
        return Codes({**_truths(), **dict.fromkeys(missing, MISSING)}, MISSING, MISSING)
    if not isinstance(column, (CategoryColumn, EmbeddedColumn)) or _are_numbers(column):
        return None
    other = len(column.categories)
    known = {str(category): i for i, category in enumerate(column.categories)}
    known |= {str(category): other for category in column.rare}
    gaps = {cell: MISSING for cell in missing if cell and cell not in known}
    return Codes({**known, **gaps}, MISSING, other)


def _truths() -> dict[str, int]:
    """Every way to write true and false."""
    words: dict[str, int] = {}
    for true, false in (*TRUTHS, ("1", "0")):
        for word, number in ((true, 1), (false, 0)):
            words |= dict.fromkeys((word, word.capitalize(), word.upper()), number)
    return words


def _are_numbers(column: Categories) -> bool:
    every = (*column.categories, *column.rare)
    return bool(every) and all(isinstance(c, (bool, int, float)) for c in every)


def _place(column: Categories, raw: Tensor) -> Tensor:
    """The number of each row's category; of a number, by looking for it."""
    if raw.dtype.kind != "f":
        return raw
    other = len(column.categories)
    known = np.array([*column.categories, *column.rare], np.float64)
    places = np.minimum(np.arange(len(known)), other) - other
    same = (F.expand_dims(raw, 1) == known).astype(np.int64)
    return F.where(F.isnan(raw), MISSING, F.sum(same * places, 1) + other)


def _category(column: CategoryColumn, raw: Tensor) -> Inputs:
    place, other = _place(column, raw), len(column.categories)
    width = len(column.inputs)
    if column.flagged:
        if not column.rare:  # what is new is none of the inputs
            place = F.where(place == other, width, place)
        place = F.where(place == MISSING, width - 1, place)
    return [F.expand_dims(place, 1) == np.arange(width)]


def _embedded(column: EmbeddedColumn, raw: Tensor) -> Inputs:
    place, other = _place(column, raw), len(column.categories)
    number = F.where(place == other, 0, place + 1)
    gap = column.count - 1 if column.flagged else 0
    return [F.where(place == MISSING, gap, number)]


def _boolean(column: BooleanColumn, raw: Tensor) -> Inputs:
    if raw.dtype.kind != "f":
        missing = raw == MISSING
        x = F.where(missing, column.share, raw.astype(np.float64))
    else:
        x, missing = _filled(raw, column.share)
    return [x, missing][: 1 + column.flagged]


# --- dates --------------------------------------------------------------------------


def _date(column: DateColumn, raw: Tensor) -> Inputs:
    """Of the days since 1970, with their fraction."""
    days, missing = _filled(raw, 0.0)
    found: Inputs = []
    for part in column.parts:
        match part:
            case "time":
                values = [_standardised(days, column.time.center, column.time.scale)]
            case "year":
                year = calendar(days)[0].astype(np.float64)
                values = [_standardised(year, column.year.center, column.year.scale)]
            case _:
                at, length = _cycle(days, part)
                angle = at * (2 * math.pi / length)
                values = [F.sin(angle), F.cos(angle)]
        found += [F.where(missing, 0.0, value) for value in values]
    return [*found, missing][: len(found) + column.flagged]


def _cycle(days: Tensor, part: str) -> tuple[Tensor, int]:
    """Where each day is in a cycle, from 0, and how long that is."""
    whole = F.floor(days)
    match part:
        case "month":
            return calendar(days)[1].astype(np.float64) - 1.0, 12
        case "day":
            return calendar(days)[2].astype(np.float64) - 1.0, 31
        case "weekday":
            return F.remainder(whole + 3.0, 7.0), 7  # 1970 began on a Thursday
        case _:
            return (days - whole) * 24.0, 24


def calendar(days: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Year, month and day of the month, of the days since 1970.

    In years that begin in March, so that the leap day comes last, and in eras of 400
    years, which all have the same days: H. Hinnant, "chrono-Compatible Low-Level Date
    Algorithms", 2013, civil_from_days.
    """
    count = F.floor(days).astype(np.int64) + 719_468
    era = count // 146_097
    day = count - era * 146_097
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    of_month = of_year - (153 * month + 2) // 5 + 1
    civil = F.where(month < 10, month + 3, month - 9)
    return year + era * 400 + (civil <= 2).astype(np.int64), civil, of_month


_RULES: Final[dict[type, Rule]] = {
    NumberColumn: _number,
    QuantileColumn: _quantile,
    CategoryColumn: _category,
    EmbeddedColumn: _embedded,
    BooleanColumn: _boolean,
    DateColumn: _date,
}


# --- predictions --------------------------------------------------------------------


def class_probabilities(logits: Tensor) -> Tensor:
    """The probability of each class, of shape `(rows, classes)`.

    From the logit of the second of two classes, or from one logit a class.
    """
    z = logits.astype(np.float64)
    if z.shape[1] == 1:
        z = F.concatenate([z * 0.0, z], axis=1)
    return F.softmax(z, 1)


def in_units(goal: NumberTarget, y: Tensor) -> Tensor:
    """Standardised numbers in the units of the target."""
    t = y.astype(np.float64) * goal.sd + goal.mean
    return t if goal.transform is None else _inverse(goal.transform, t)


def _inverse(transform: Transform, t: Tensor) -> Tensor:
    """What the transform was taken of; see `Transform.inverse`."""
    if transform.kind == "quantile":
        return interpolated(t, transform.scores, transform.knots)
    # The range is how the record says it, and it has no other name.
    low, high = transform.forward(np.array(transform._range)).tolist()  # noqa: SLF001
    t = F.clip(t, low, high)
    if transform.kind == "log1p":
        return F.expm1(t)
    size = F.abs(t)
    above, below = _root(size, transform.power), _root(size, 2 - transform.power)
    return F.where(t >= 0, above, -below) * transform.unit


def _root(t: Tensor, p: float) -> Tensor:
    """The `u` of which `t = ((1 + u)^p - 1) / p`."""
    if abs(p) < 1e-12:
        return F.expm1(t)
    least = float(np.nextafter(-1.0, 0.0))
    return F.expm1(F.log1p(F.clip(t * p, least, None)) / p)


def encoded(column: InputColumn, raw: Tensor) -> Inputs:
    """The inputs that a column becomes: float32, of shape `(rows, k)` each."""
    parts = rule_of(column)(column, raw)
    return [
        (x if x.ndim == 2 else F.expand_dims(x, 1)).astype(np.float32) for x in parts
    ]


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """All inputs, of shape `(rows, inputs)`; a few columns at a time are joined.

    What `access` says of a concatenation has a letter for each part, and there are 26.
    """
    while len(parts) > 1:
        starts = range(0, len(parts), _TOGETHER)
        parts = [F.concatenate(parts[i : i + _TOGETHER], axis=1) for i in starts]
    return parts[0]


def example(codes: Codes | None, rows: int) -> Array:
    """Raw values, as the graph takes them."""
    return np.zeros(rows, np.float64 if codes is None else np.int64)
