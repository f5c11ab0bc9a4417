"""Another dtype for the same numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Value, dtype_name
from chainrule.ops.builder import Builder, S
from chainrule.ops.elementwise import BOOLEANS, NUMBERS, Elementwise, Gradients


@dataclass(frozen=True)
class Cast(Elementwise):
    """`y = x`, as `dtype`: real numbers lose their fraction where it has none."""

    dtype: DType

    kinds = BOOLEANS + NUMBERS

    def __post_init__(self) -> None:
        """Refuse dtypes that no graph knows."""
        dtype_name(self.dtype)

    def result(self, *dtypes: DType) -> DType:
        """The dtype asked for."""
        del dtypes
        return self.dtype

    def forward(self, *inputs: Array) -> Array:
        """NumPy's conversion."""
        return inputs[0].astype(self.dtype)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """The gradient in the dtype of `x`, if both are real numbers."""
        (x,) = inputs
        if not (y.type.is_floating and x.type.is_floating):
            return (None,)
        return (cast(dy, x.type.dtype),)

    def simplify(self, *inputs: Value) -> Value | None:
        """A cast to the dtype that `x` has is `x`."""
        (x,) = inputs
        return x if x.type.dtype == self.dtype else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One conversion."""
        (x,) = inputs
        return builder.cast(x, self.dtype)

    @classmethod
    def instances(cls) -> "Iterator[Cast]":
        """To the other floating dtype, to integers, to booleans."""
        for dtype in (np.float32, np.float64, np.int32, np.bool_):
            yield cls(np.dtype(dtype))


def cast(x: Value, dtype: DType) -> Value:
    """`x` as `dtype`."""
    return Cast(dtype)(x)
