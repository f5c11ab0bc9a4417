"""One tensor after another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters, strided
from chainrule.ops.slice import slice_along


@dataclass(frozen=True)
class Concatenate(Operation):
    """`y` has the inputs one after the other along `axis`."""

    axis: int

    moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """The extents along `axis` add up; all others have to agree."""
        if not inputs:
            raise ValueError("concatenate needs at least one tensor")
        first = inputs[0]
        if not 0 <= self.axis < first.rank:
            raise ValueError(
                f"concatenate: there is no axis {self.axis} in a tensor of "
                f"{first.rank} axes"
            )
        for x in inputs[1:]:
            if self._others(x) != self._others(first) or x.rank != first.rank:
                raise ValueError(
                    f"concatenate: the shapes {first.shape} and {x.shape} differ in "
                    f"more than axis {self.axis}"
                )
            if x.dtype != first.dtype:
                raise TypeError(
                    f"concatenate: the dtypes {first.dtype} and {x.dtype} differ"
                )
        total = sum(x.shape[self.axis] for x in inputs)
        shape = (*first.shape[: self.axis], total, *first.shape[self.axis + 1 :])
        return TensorType(shape, first.dtype)

    def _others(self, x: TensorType) -> tuple[int, ...]:
        return x.shape[: self.axis] + x.shape[self.axis + 1 :]

    def _starts(self, shapes: Sequence[tuple[int, ...]]) -> list[int]:
        extents = (shape[self.axis] for shape in shapes)
        return list(accumulate(extents, initial=0))[:-1]

    def forward(self, *inputs: Array) -> Array:
        """NumPy's concatenation."""
        return np.concatenate(inputs, self.axis)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """Each input's part of the gradient."""
        del y
        starts = self._starts([x.shape for x in inputs])
        return tuple(
            slice_along(dy, self.axis, start, start + x.shape[self.axis])
            for start, x in zip(starts, inputs, strict=True)
        )

    def simplify(self, *inputs: Value) -> Value | None:
        """Inputs without elements add nothing; one alone is the result."""
        if len(inputs) == 1:
            return inputs[0]
        full = [x for x in inputs if x.shape[self.axis]]
        if len(full) == len(inputs):
            return None
        return concatenate(full or inputs[:1], self.axis)

    def access(self, *inputs: TensorType) -> str:
        """`ij,kj->{0+1i|3+1k}j` along the first axis, where `i` has extent 3."""
        rank = inputs[0].rank
        named = letters(rank - 1 + len(inputs))
        before, after = named[: self.axis], named[self.axis : rank - 1]
        own = named[rank - 1 :]
        reads = ",".join(f"{before}{letter}{after}" for letter in own)
        starts = self._starts([x.shape for x in inputs])
        places = (
            strided(letter, start, 1)[1:-1]
            for letter, start in zip(own, starts, strict=True)
        )
        return f"{reads}->{before}{{{'|'.join(places)}}}{after}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """One, two, three inputs; along each axis; some without elements."""
        for axis, shapes in (
            (0, ((1,),)),
            (0, ((3,),)),
            (0, ((2,), (3,))),
            (0, ((1, 2), (3, 2))),
            (1, ((2, 3), (2, 0), (2, 1))),
            (1, ((2, 1, 2), (2, 2, 2))),
            (0, ((0, 3), (0, 3))),
        ):
            yield cls(axis), tuple(rng.normal(size=shape) for shape in shapes)


def concatenate(xs: Sequence[Value], axis: int) -> Value:
    """The tensors `xs` one after the other along `axis`."""
    return Concatenate(axis)(*xs)
