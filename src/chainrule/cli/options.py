"""What people write behind an option, as values."""

import csv
import math
from collections.abc import Iterable
from typing import Any, Final

import typer

__all__ = [
    "UsageError",
    "by_column",
    "class_weights",
    "dates",
    "given_options",
    "layers",
    "names",
    "share_or_file",
    "usage_error",
]

# What all wrong usage of typer is, with or without click: there is no public name.
UsageError: Final[Any] = typer.BadParameter.__mro__[1]


def usage_error(message: str, context: typer.Context) -> Exception:
    """What typer itself raises where something is missing, or too much."""
    error: Exception = UsageError(message, ctx=context)
    return error


def given_options(context: typer.Context) -> dict[str, Any]:
    """What was said on the command line, or in a file of settings; no defaults."""
    return {
        name: value
        for name, value in context.params.items()
        if getattr(context.get_parameter_source(name), "name", "") in _SAID
    }


_SAID: Final = ("COMMANDLINE", "DEFAULT_MAP", "ENVIRONMENT")


def names(given: Iterable[str] | None) -> list[str]:
    """Column names, parted by commas, in options that can be repeated.

    >>> names(["id,zip", '"a,b"'])
    ['id', 'zip', 'a,b']
    """
    found = [name.strip() for row in csv.reader(given or ()) for name in row]
    return [name for name in found if name]


def by_column(given: str) -> str | dict[str, str]:
    """One name, or one for each of some columns.

    >>> by_column("robust"), by_column("income=quantile,age=robust")
    ('robust', {'income': 'quantile', 'age': 'robust'})
    """
    if "=" not in given:
        return given.strip()
    found = (item.rpartition("=") for item in names([given]))
    return {column.strip(): name.strip() for column, _, name in found}


def dates(given: Iterable[str] | None) -> dict[str, str]:
    """Columns of dates, with how they are written where that is said.

    >>> dates(["born", "paid=d/m/y"])
    {'born': 'date', 'paid': 'date d/m/y'}
    """
    found = (item.partition("=") for item in names(given))
    return {column.strip(): f"date {written}".strip() for column, _, written in found}


def layers(given: str) -> tuple[int, ...]:
    """The units of each hidden layer.

    >>> layers("64,64"), layers("none")
    ((64, 64), ())
    """
    if given.strip().lower() in {"none", "0", ""}:
        return ()
    try:
        return tuple(int(units) for units in given.rstrip(",").split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{given!r} is no list of whole numbers, such as 64,64",
            param_hint="--hidden",
        ) from None


def share_or_file(given: str) -> float | str:
    """A share of the rows, or else the name of a file.

    >>> share_or_file("0.2"), share_or_file("test.csv")
    (0.2, 'test.csv')
    """
    try:
        return float(given)
    except ValueError:
        return given


def class_weights(given: str | None) -> str | dict[str, float] | None:
    """`balanced`, or the weight of each class.

    >>> class_weights("yes=3,no=1")
    {'yes': 3.0, 'no': 1.0}
    """
    if given is None or given.strip() == "balanced":
        return given and given.strip()
    weights: dict[str, float] = {}
    for item in names([given]):
        label, equals, weight = item.rpartition("=")
        try:
            weights[label.strip()] = float(weight)
        except ValueError:
            equals = ""
        if not equals or not math.isfinite(weights[label.strip()]):
            raise typer.BadParameter(
                f"{item!r} is not CLASS=WEIGHT, such as yes=3; or write balanced",
                param_hint="--class-weight",
            )
    return weights
