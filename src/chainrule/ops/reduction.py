"""What operations that make axes disappear have in common."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters, without
from chainrule.ops.folds import Folds

Axes = tuple[int, ...]

# One axis, several, all, none; one element; no result.
_SHAPES: tuple[tuple[tuple[int, ...], Axes], ...] = (
    ((3, 4), (0,)),
    ((3, 4), (1,)),
    ((2, 3, 4), (0, 2)),
    ((3, 4), (0, 1)),
    ((3,), ()),
    ((), ()),
    ((0, 3), (1,)),
    ((1, 1), (1,)),
)


@dataclass(frozen=True)
class Reduction(Folds, abstract=True):
    """`y` has one element for all that differ in `axes` alone."""

    axes: Axes

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape without the axes, and the dtype of `x`."""
        (x,) = inputs
        return TensorType(without(x.shape, self.axes, self.name), x.dtype)

    def simplify(self, *inputs: Value) -> Value | None:
        """Over no axis it is its input."""
        return None if self.axes else inputs[0]

    def access(self, *inputs: TensorType) -> str:
        """`ij->i` over the last of two axes."""
        return reduced(letters(inputs[0].rank), self.axes, self.name)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Numbers that a small change does not bring into another order."""
        for shape, axes in _SHAPES:
            yield cls(axes), (distinct(rng, shape),)


def distinct(rng: Rng, shape: tuple[int, ...]) -> Array:
    """Numbers at least 0.1 apart, so that a small change does not alter the order."""
    size = int(np.prod(shape))
    return np.asarray((rng.permutation(size) * 0.1 - 0.5).reshape(shape))


def reduced(named: str, axes: Axes, operation: str) -> str:
    """The access of a reduction over `axes` of the axes `named`."""
    return f"{named}->{''.join(without(named, axes, operation))}"
