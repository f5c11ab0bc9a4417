"""Values known when the graph is built."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value, dtype_name
from chainrule.ops.sums import broadcast


@dataclass(frozen=True, eq=False)
class Constant(Operation):
    """`y = data`: an array that the graph carries."""

    data: Array

    def __post_init__(self) -> None:
        """Refuse dtypes that no graph knows; guard the array against writing."""
        dtype_name(self.data.dtype)
        self.data.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        # By bits, so that a NaN equals itself and 0.0 is not -0.0.
        return isinstance(other, Constant) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        if self.data.size > 64:
            return (id(self.data),)  # comparing large arrays would cost too much
        return (self.data.dtype, self.data.shape, self.data.tobytes())

    def __str__(self) -> str:
        if self.data.ndim == 0:
            return f"constant({self.data.item():g})"
        return f"constant({TensorType.of(self.data)})"

    def type(self, *inputs: TensorType) -> TensorType:
        """The array's own type."""
        if inputs:
            raise TypeError("constant takes no inputs")
        return TensorType.of(self.data)

    def forward(self, *inputs: Array) -> Array:
        """The array itself."""
        del inputs
        return self.data

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Scalars, a matrix, nothing, values that are hard to print."""
        for data in (
            np.float64(rng.normal()),
            np.float32(rng.normal()),
            np.float64(np.nan),
            np.float32(-np.inf),
            np.bool_(1),
            np.int64(-3),
            rng.normal(size=(2, 3)),
            np.zeros((0, 2)),
        ):
            yield cls(np.asarray(data)), ()


def constant(data: Array) -> Value:
    """A value that is always `data`."""
    return Constant(data)()


def full(type_: TensorType, value: float) -> Value:
    """A value of `type_` with every element equal to `value`."""
    scalar = constant(np.asarray(value, type_.dtype))
    if type_.rank == 0:
        return scalar
    return broadcast(scalar, type_.shape, tuple(range(type_.rank)))


def full_like(x: Value, value: float) -> Value:
    """A value of the type of `x` with every element equal to `value`."""
    return full(x.type, value)


def literal(value: Value) -> float | None:
    """The number that every element of `value` is, where the graph shows it.

    Sees through `broadcast`, which is how `full` makes it.
    """
    while value.operation is not None and value.operation.replicates:
        (value,) = value.inputs
    match value.operation:
        case Constant(data=data) if data.ndim == 0:
            return float(data)
    return None
