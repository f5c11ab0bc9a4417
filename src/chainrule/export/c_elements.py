"""Expressions for single elements in C: what stands for `x[i, j]`.

An element of what is not stored is the expression that computes it; of what is only
moved, the element that `access` names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from chainrule.export.c_text import POSITION, CBuilder, CText
from chainrule.export.errors import ExportError
from chainrule.export.extents import extent
from chainrule.export.model import Model
from chainrule.export.words import described
from chainrule.ir import Operation, Value
from chainrule.ops.access import (
    Access,
    Either,
    Indexed,
    Letter,
    Range,
    RowMajor,
    Strided,
    Term,
)

Coordinates: TypeAlias = Sequence[str]


@dataclass
class Stored:
    """Where a value lies: under a name, from one statement to another."""

    name: str
    first: int
    last: int
    elsewhere: bool = False  # in an array of the caller


class Elements:
    """Reads elements of values; `line` takes the lines that they need before them."""

    def __init__(self, model: Model, prefix: str, line: Callable[[str], None]) -> None:
        self.model = model
        self.prefix = prefix
        self.builder = CBuilder(prefix, line)
        self.tables: dict[Value, str] = {}  # arrays of the file
        self.stored: dict[Value, Stored] = {}
        self.statement = 0  # the number of the one that is being written
        self._shapes: dict[Value, tuple[int, ...]] = {}

    # --- sizes ------------------------------------------------------------------------

    def shape(self, value: Value) -> tuple[int, ...]:
        """The extents of a value for one row."""
        if value not in self._shapes:
            extents = self.model.shape(value)
            self._shapes[value] = tuple(n.at(1) for n in extents)
        return self._shapes[value]

    def size(self, value: Value) -> int:
        """How many elements it has."""
        return prod(self.shape(value))

    def access(self, value: Value) -> Access:
        """Its access; where coordinates start is a number for one row."""
        return self.model.samples.access(value)

    def start(self, term: Strided, value: Value) -> int:
        """Where a strided coordinate starts."""
        size: Any = term.start
        return extent(size, self.model.rows, described(value)).at(1)

    # --- elements ---------------------------------------------------------------------

    def element(self, value: Value, at: Coordinates) -> CText:
        """The element of `value` at these coordinates."""
        shape = self.shape(value)
        found = self._loaded(value, lambda: flat(at, shape))
        if found is not None:
            return found
        operation: Any = value.operation
        if operation.elementwise:
            xs = [self.element(x, at) for x in value.inputs]
            y: CText = operation.scalar(self.builder, *xs)
            return y
        if hasattr(operation, "element"):
            return self._generated(value, operation, at)
        if operation.moves:
            return self._moved(value, operation, at)
        raise ExportError(
            f"{described(value)} cannot be written in C; compute it outside of the "
            "network, or of other operations"
        )

    def _loaded(self, value: Value, place: Callable[[], str]) -> CText | None:
        """An element of an array, or a number that is known."""
        dtype = value.type.dtype
        known = self.model.arrays.get(value)
        if known is not None and known.ndim == 0:
            return self.builder.constant(known.item(), CText("", dtype))
        if known is not None:
            return CText(f"{self._table(value)}[{place()}]", dtype)
        stored = self.stored.get(value)
        if stored is None:
            return None
        stored.last = max(stored.last, self.statement)
        return CText(f"{stored.name}[{place()}]", dtype)

    def _table(self, value: Value) -> str:
        if value not in self.tables:
            self.tables[value] = f"{self.prefix}_{self.model.weights[value]}"
        return self.tables[value]

    def _generated(self, value: Value, operation: Any, at: Coordinates) -> CText:
        if not value.inputs:
            letter = operation.access()[1]
            axis = self.access(value).output.index(Letter(letter))
            y: CText = operation.element(self.builder, CText(at[axis], POSITION))
            return y
        xs = [self.element(x, []) for x in value.inputs]
        place = flat(at, self.shape(value))
        position = CText(f"(uint32_t)({place})", np.dtype(np.uint32))
        word: CText = operation.element(self.builder, *xs, self.builder.bound(position))
        return word

    def _moved(self, value: Value, operation: Operation, at: Coordinates) -> CText:
        access = self.access(value)
        if any(isinstance(term, RowMajor) for term in access.output):
            return self._reshaped(value, at)
        letters, tests = self._letters(value, access, at)
        fill = self.builder.constant(operation.fill, CText("", value.type.dtype))
        y: CText | None = None
        for x, terms, known, test in reversed(
            [
                (x, terms, letters | own, test)
                for x, terms, (own, test) in zip(
                    value.inputs[: len(tests)], access.inputs, tests, strict=False
                )
            ]
        ):
            if not self.size(x):
                continue
            found = self.read(x, terms, known, value)
            if test == "1":
                y = found
            else:
                other = fill if y is None else y
                y = CText(f"({test} ? {found.text} : {other.text})", found.dtype)
        return fill if y is None else y

    def _letters(
        self, value: Value, access: Access, at: Coordinates
    ) -> tuple[dict[str, str], list[tuple[dict[str, str], str]]]:
        """What each letter is at an element; for each source its own, and a test."""
        letters: dict[str, str] = {}
        tests: list[tuple[dict[str, str], str]] = [({}, "1")]
        for term, y in zip(access.output, at, strict=True):
            match term:
                case Letter(name):
                    letters[name] = y
                case Strided():
                    own, test = self._unstrided(term, y, value, 0)
                    letters |= own
                    if test != "1":
                        before = tests[0][1]
                        both = test if before == "1" else f"{before} && {test}"
                        tests[0] = ({}, both)
                case Either(places):
                    tests = [
                        self._unstrided(part, y, value, k, last=k == len(places) - 1)
                        for k, part in enumerate(places)
                    ]
        return letters, tests

    def _unstrided(
        self, term: Strided, y: str, value: Value, source: int, *, last: bool = False
    ) -> tuple[dict[str, str], str]:
        """The letter of which `y` is `start + step i`, and whether there is one."""
        start, step = self.start(term, value), term.step
        x = value.inputs[source]
        axis = self.access(value).inputs[source].index(Letter(term.name))
        long = self.shape(x)[axis]
        at = y if start == 0 else f"({y} - {start})"
        test = [] if start == 0 else [f"{y} >= {start}"]
        whole = self.shape(value)[_axis_of(self.access(value), term)]
        if not last and start + step * long < whole + (step - 1):
            test.append(f"{y} < {start + step * (long - 1) + 1 if long else 0}")
        if last:
            test = []
        if step != 1:
            test.append(f"{at} % {step} == 0")
            at = f"({at} / {step})"
        return {term.name: at}, " && ".join(test) or "1"

    def _reshaped(self, value: Value, at: Coordinates) -> CText:
        (x,) = value.inputs
        place = flat(at, self.shape(value))
        found = self._loaded(x, lambda: place)
        if found is not None:
            return found
        shape = self.shape(x)
        if not same_but_ones(shape, self.shape(value)):
            return self.element(x, split(place, shape))
        kept = iter(i for i, n in zip(at, self.shape(value), strict=True) if n != 1)
        return self.element(x, ["0" if n == 1 else next(kept) for n in shape])

    def read(
        self, x: Value, terms: Sequence[Term], known: Mapping[str, str], value: Value
    ) -> CText:
        """The element of an input of `value` that the terms of its access name."""
        return self.element(x, self.coordinates(terms, known, value))

    def coordinates(
        self, terms: Sequence[Term], known: Mapping[str, str], value: Value
    ) -> list[str]:
        """The coordinates that the terms of an access stand for."""
        indices = iter(value.inputs[1:])
        found = []
        for term in terms:
            match term:
                case Letter(name) | Range(_, name):
                    found.append(known[name])
                case Strided(_, step, name):
                    found.append(strided(self.start(term, value), step, known[name]))
                case Indexed(names):
                    i = self.element(next(indices), [known[name] for name in names])
                    found.append(f"(size_t){i.text}")
                case _:
                    raise ExportError(f"{described(value)} cannot be written in C")
        return found


def _axis_of(access: Access, term: Strided) -> int:
    return next(
        axis
        for axis, other in enumerate(access.output)
        if other == term or (isinstance(other, Either) and term in other.places)
    )


def strided(start: int, step: int, i: str) -> str:
    """The coordinate `start + step i`."""
    if step == 1 and start == 0:
        return i
    if i == "0":
        return str(start)
    times = i if abs(step) == 1 else f"{_factor(i)} * {abs(step)}"
    if step < 0:
        return f"({start} - {times})"
    return f"({start} + {times})" if start else f"({times})"


def _factor(text: str) -> str:
    plain = text.isalnum() or (text.startswith("(") and text.endswith(")"))
    return text if plain else f"({text})"


def flat(at: Coordinates, shape: Sequence[int]) -> str:
    """The number of an element in row-major order.

    >>> flat(["i", "0", "j"], [5, 1, 3])
    'i * 3 + j'
    """
    terms = []
    for axis, i in enumerate(at):
        stride = prod(shape[axis + 1 :])
        if i != "0":
            terms.append(i if stride == 1 else f"{_factor(i)} * {stride}")
    return " + ".join(terms) or "0"


def same_but_ones(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether shapes differ in nothing but axes of one element."""
    return [n for n in before if n != 1] == [n for n in after if n != 1]


def split(place: str, shape: Sequence[int]) -> list[str]:
    """The coordinates of an element whose number is `place`."""
    found = []
    for axis, n in enumerate(shape):
        stride = prod(shape[axis + 1 :])
        if n == 1:
            found.append("0")
            continue
        part = f"({place})" if stride == 1 else f"(({place}) / {stride})"
        before = prod(shape[:axis])
        found.append(part if before == 1 else f"({part} % {n})")
    return found
