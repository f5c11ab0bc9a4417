"""What all elementwise operations have in common."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, TypeAlias

import numpy as np

from chainrule.ir import Array, DType, Operation, Rng, TensorType, Value
from chainrule.ops.builder import Builder, S

# What a gradient rule gives: a gradient, or none, for each input.
Gradients: TypeAlias = tuple[Value | None, ...]

# Where a test draws an input from: an open interval of reals. A box is one interval
# for each input.
Interval: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[Interval, ...]

REALS: Interval = (-3.0, 3.0)
POSITIVE: Interval = (0.1, 3.0)

# Which dtypes an operation takes, by the letters of NumPy's kinds.
BOOLEANS = "b"
INTEGERS = "iu"
REAL = "f"
NUMBERS = INTEGERS + REAL
_KINDS = {"b": "booleans", "i": "integers", "u": "unsigned integers", "f": "floats"}

# Shapes on which every elementwise operation is tried: a scalar, no element, one
# element, a vector, a matrix.
_SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (5,), (3, 4))


class Elementwise(Operation, abstract=True):
    """`y[i] = f(x[i], ...)`: inputs of one shape and dtype, an output of that shape."""

    elementwise = True

    # One interval for each input, from which tests draw it.
    domain: ClassVar[Box] = (REALS,)

    # The dtypes it takes.
    kinds: ClassVar[str] = NUMBERS

    @abstractmethod
    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """The operation on one element, in scalar instructions."""

    def type(self, *inputs: TensorType) -> TensorType:
        """The common shape; the dtype that `result` says."""
        if len(inputs) != len(self.domain):
            raise TypeError(
                f"{self.name} takes {len(self.domain)} inputs, not {len(inputs)}"
            )
        if len({x.shape for x in inputs}) > 1:
            shapes = " and ".join(str(x.shape) for x in inputs)
            raise ValueError(f"{self.name}: the shapes {shapes} differ")
        return TensorType(inputs[0].shape, self.result(*[x.dtype for x in inputs]))

    def result(self, *dtypes: DType) -> DType:
        """The output's dtype: by default the one that all inputs have."""
        if len(set(dtypes)) > 1:
            names = " and ".join(map(str, dtypes))
            raise TypeError(f"{self.name}: the dtypes {names} differ")
        if dtypes[0].kind not in self.kinds:
            taken = ", ".join(_KINDS[kind] for kind in self.kinds)
            raise TypeError(f"{self.name} takes {taken}, not {dtypes[0]}: cast it")
        return dtypes[0]

    @classmethod
    def instances(cls) -> "Iterator[Elementwise]":
        """The operations that tests try: several where attributes matter."""
        yield cls()

    def boxes(self) -> tuple[Box, ...]:
        """Where tests draw points from: several where a kink lies between."""
        return (self.domain,)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Random points of the boxes, in shapes that go wrong easily."""
        for operation in cls.instances():
            boxes = np.array(operation.boxes())
            for shape in _SHAPES:
                chosen = boxes[rng.integers(len(boxes), size=shape)]
                points = np.asarray(rng.uniform(chosen[..., 0], chosen[..., 1]))
                inputs = np.moveaxis(points, -1, 0)
                yield operation, tuple(map(np.asarray, inputs))


class Predicate(Elementwise, abstract=True):
    """An elementwise operation that gives booleans, and so has no gradient."""

    def result(self, *dtypes: DType) -> DType:
        """Always boolean."""
        super().result(*dtypes)
        return np.dtype(np.bool_)
