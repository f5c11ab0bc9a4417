"""Operations that move elements and compute nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import check_axes, letters, strided

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Reshape(Operation):
    """`y` has the elements of `x`, in the same order, in another `shape`."""

    shape: Shape

    replicates = moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """`shape`, which needs as many elements as `x` has."""
        (x,) = inputs
        y = TensorType(self.shape, x.dtype)
        if y.size != x.size:
            raise ValueError(
                f"reshape: {x.shape} has {x.size} elements, {self.shape} has {y.size}"
            )
        return y

    def forward(self, *inputs: Array) -> Array:
        """NumPy's reshape: a view where possible."""
        return inputs[0].reshape(self.shape)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The gradient in the shape of `x`."""
        del y
        return (reshape(dy, inputs[0].shape),)

    def simplify(self, *inputs: Value) -> Value | None:
        """Two in a row are one; one that changes nothing is none."""
        (x,) = inputs
        if x.shape == self.shape:
            return x
        return (
            reshape(x.inputs[0], self.shape)
            if isinstance(x.operation, Reshape)
            else None
        )

    def access(self, *inputs: TensorType) -> str:
        """`(ij)->(kl)`: the same elements in row-major order under other axes."""
        rank = inputs[0].rank
        named = letters(rank + len(self.shape))
        return f"({named[:rank]})->({named[rank:]})"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Flat, folded, from and to scalars, empty."""
        for before, after in (
            ((2, 6), (3, 4)),
            ((12,), (2, 2, 3)),
            ((), (1, 1)),
            ((1,), ()),
            ((0, 3), (5, 0)),
        ):
            yield cls(after), (np.asarray(rng.normal(size=before)),)


@dataclass(frozen=True)
class Transpose(Operation):
    """`y` has axis `permutation[i]` of `x` as its axis `i`."""

    permutation: tuple[int, ...]

    replicates = moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """The extents in their new order."""
        (x,) = inputs
        if sorted(self.permutation) != list(range(x.rank)):
            raise ValueError(
                f"transpose: {self.permutation} is not an order of the {x.rank} axes "
                f"of a tensor of shape {x.shape}"
            )
        return TensorType(tuple(x.shape[axis] for axis in self.permutation), x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's transpose: a view."""
        return np.transpose(inputs[0], self.permutation)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The gradient with its axes put back."""
        del y, inputs
        return (transpose(dy, tuple(int(i) for i in np.argsort(self.permutation))),)

    def simplify(self, *inputs: Value) -> Value | None:
        """Two in a row are one; one that keeps the order is none."""
        (x,) = inputs
        if self.permutation == tuple(range(len(self.permutation))):
            return x
        if not isinstance(x.operation, Transpose):
            return None
        inner = x.operation.permutation
        return transpose(x.inputs[0], tuple(inner[axis] for axis in self.permutation))

    def access(self, *inputs: TensorType) -> str:
        """`ij->ji` for a matrix."""
        named = letters(inputs[0].rank)
        return f"{named}->{''.join(named[axis] for axis in self.permutation)}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Matrices, cycles of three axes, nothing to move."""
        for shape, permutation in (
            ((2, 3), (1, 0)),
            ((2, 3, 4), (2, 0, 1)),
            ((3,), (0,)),
            ((), ()),
            ((0, 2), (1, 0)),
        ):
            yield cls(permutation), (np.asarray(rng.normal(size=shape)),)


@dataclass(frozen=True)
class Flip(Operation):
    """`y[i] = x[n - 1 - i]` along each of `axes`, where `n` is its extent."""

    axes: tuple[int, ...]

    replicates = moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """That of `x`."""
        (x,) = inputs
        check_axes(x.rank, self.axes, self.name)
        return x

    def forward(self, *inputs: Array) -> Array:
        """NumPy's flip: a view."""
        return np.flip(inputs[0], self.axes)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The gradient, flipped back."""
        del y, inputs
        return (flip(dy, self.axes),)

    def simplify(self, *inputs: Value) -> Value | None:
        """Two in a row are one; one along axes of a single element is none."""
        (x,) = inputs
        if all(x.shape[axis] <= 1 for axis in self.axes):
            return x
        if not isinstance(x.operation, Flip):
            return None
        once = set(self.axes) ^ set(x.operation.axes)
        return flip(x.inputs[0], tuple(sorted(once)))

    def access(self, *inputs: TensorType) -> str:
        """`{4-1i}j->ij` for the first axis, of extent 5."""
        (x,) = inputs
        named = letters(x.rank)
        read = (
            strided(letter, x.shape[axis] - 1, -1) if axis in self.axes else letter
            for axis, letter in enumerate(named)
        )
        return f"{''.join(read)}->{named}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """One axis, several, none; one element; empty."""
        for shape, axes in (
            ((4,), (0,)),
            ((2, 3), (1,)),
            ((2, 3, 4), (0, 2)),
            ((2, 3), ()),
            ((1,), (0,)),
            ((0, 2), (0,)),
            ((), ()),
        ):
            yield cls(axes), (np.asarray(rng.normal(size=shape)),)


def reshape(x: Value, shape: Shape) -> Value:
    """The elements of `x`, in order, in another shape."""
    return Reshape(shape)(x)


def transpose(x: Value, permutation: tuple[int, ...]) -> Value:
    """The axes of `x` in another order."""
    return Transpose(permutation)(x)


def flip(x: Value, axes: tuple[int, ...]) -> Value:
    """`x` in reverse order along each of `axes`."""
    return Flip(axes)(x)


def swap_last(x: Value) -> Value:
    """The transpose of a matrix, or of each matrix of a stack."""
    rank = x.type.rank
    return transpose(x, (*range(rank - 2), rank - 1, rank - 2))
