"""What all elementwise operations have in common."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from chainrule.ir import Array, DType, Operation, TensorType
from chainrule.ops.builder import Builder, S

# Where a test draws an input from: an open interval of reals.
Interval = tuple[float, float]

REALS: Interval = (-3.0, 3.0)
POSITIVE: Interval = (0.1, 3.0)

# Shapes on which every elementwise operation is tried: a scalar, no element, one
# element, a vector, a matrix.
_SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (5,), (3, 4))


class Elementwise(Operation, abstract=True):
    """`y[i] = f(x[i], ...)`: inputs of one shape and dtype, an output of that shape."""

    elementwise = True

    # One interval for each input, from which tests draw it.
    domain: ClassVar[tuple[Interval, ...]] = (REALS,)

    # Whether integers and booleans are refused.
    floating: ClassVar[bool] = False

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
        if self.floating and dtypes[0].kind != "f":
            raise TypeError(f"{self.name} takes real numbers, not {dtypes[0]}")
        return dtypes[0]

    @classmethod
    def instances(cls) -> "Iterator[Elementwise]":
        """The operations that tests try: several where attributes matter."""
        yield cls()

    @classmethod
    def samples(
        cls, rng: np.random.Generator
    ) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Random points of the domain, in shapes that go wrong easily."""
        for operation in cls.instances():
            for shape in _SHAPES:
                arrays = [rng.uniform(*interval, shape) for interval in cls.domain]
                yield operation, tuple(map(np.asarray, arrays))


class Predicate(Elementwise, abstract=True):
    """An elementwise operation that gives booleans, and so has no gradient."""

    def result(self, *dtypes: DType) -> DType:
        """Always boolean."""
        super().result(*dtypes)
        return np.dtype(np.bool_)
