"""Which values get a box of their own, and which are noise beside another.

The strict graph spells out what users left to the library: the 2 of `2 * x` is cast
and broadcast before it is multiplied. That is drawn as the 2 it is. A bias that is
repeated for every row of a batch stays visible, for there is something to learn.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.ir import Value, topological
from chainrule.ops import Cast, CheckedIndex, Constant, Reshape


class Folded(NamedTuple):
    """The values to draw, each after its inputs; `drawn[v]` is what stands for `v`."""

    values: tuple[Value, ...]
    drawn: Mapping[Value, Value]

    def inputs(self, value: Value) -> list[Value]:
        """What is drawn as the inputs of `value`."""
        return [self.drawn[x] for x in value.inputs]


def fold(outputs: Sequence[Value]) -> Folded:
    """The values behind `outputs` without those that say nothing of their own.

    Folded into its input is: a copy or a cast of a single number that the program
    wrote; a cast that loses no more than digits; the check of an index; a reshape that
    only makes axes of extent 1, for the broadcast that reads it or of integers, into
    which no gradient flows. An output, or a value with a name, never is.
    """
    order = topological(outputs)
    kept = set(outputs)
    shared = _read_by_more_than_copies(order)
    drawn: dict[Value, Value] = {}
    for value in order:
        stays = value in kept or value.name or len(value.inputs) != 1
        if stays or not _says_nothing(value, drawn[value.inputs[0]], shared):
            drawn[value] = value
        else:
            drawn[value] = drawn[value.inputs[0]]
    # A constant that only noise has read is drawn; one that nothing reads is not met.
    return Folded(tuple(v for v in order if drawn[v] is v), drawn)


def _says_nothing(value: Value, source: Value, shared: set[Value]) -> bool:
    match value.operation:
        case None:
            return False
        case CheckedIndex():
            return True
        case Cast():
            return _is_number(source) or _keeps_numbers(value)
        case Reshape() if _same_axes(value) and not value.type.is_floating:
            return True
        case Reshape() if _same_axes(value) and value not in shared:
            return True
        case operation:
            return operation.replicates and _is_number(source)


def _keeps_numbers(cast: Value) -> bool:
    """Whether the numbers are the same after it, up to their last digits."""
    (x,) = cast.inputs
    if np.can_cast(x.type.dtype, cast.type.dtype, "safe"):
        return True
    if not (x.type.is_floating and cast.type.is_floating):
        return False
    if x.data is None or cast.data is None:
        return True
    return np.array_equal(np.isfinite(x.data), np.isfinite(cast.data))


def _is_number(value: Value) -> bool:
    return isinstance(value.operation, Constant) and value.type.size == 1


def _same_axes(value: Value) -> bool:
    """Whether it has the axes of its input, up to those of extent 1."""
    (x,) = value.inputs
    return [n for n in x.shape if n != 1] == [n for n in value.shape if n != 1]


def _read_by_more_than_copies(order: Sequence[Value]) -> set[Value]:
    return {
        x
        for value in order
        if value.operation is not None and not value.operation.replicates
        for x in value.inputs
    }
