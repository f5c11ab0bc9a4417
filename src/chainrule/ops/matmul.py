"""The matrix product, for whole stacks of matrices at once."""

from collections.abc import Iterator

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters
from chainrule.ops.builder import Builder, S
from chainrule.ops.folds import Partial, Sums
from chainrule.ops.shape import swap_last


class Matmul(Sums):
    """`y[..., i, j] = sum over k of a[..., i, k] b[..., k, j]`.

    `a` has shape `(..., n, k)` and `b` has shape `(..., k, m)` with the same leading
    axes; `y` has shape `(..., n, m)`.
    """

    def type(self, *inputs: TensorType) -> TensorType:
        """`(..., n, m)`, of the dtype that both have."""
        a, b = inputs
        if a.rank < 2 or a.rank != b.rank or a.shape[:-2] != b.shape[:-2]:
            raise ValueError(
                f"matmul takes matrices, or equal stacks of them, not {a} and {b}"
            )
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(
                f"matmul: {a.shape} times {b.shape}: the left has {a.shape[-1]} "
                f"columns, the right {b.shape[-2]} rows"
            )
        if a.dtype != b.dtype or a.dtype.kind == "b":
            raise TypeError(f"matmul takes numbers of one dtype, not {a} and {b}")
        return TensorType((*a.shape[:-1], b.shape[-1]), a.dtype)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's product."""
        a, b = inputs
        return np.asarray(np.matmul(a, b))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """`da = dy b'`, `db = a' dy`, where `'` transposes."""
        del y
        a, b = inputs
        return matmul(dy, swap_last(b)), matmul(swap_last(a), dy)

    def single(self, builder: Builder[S], xs: Partial[S], position: S) -> Partial[S]:
        """The product of two elements."""
        del position
        return (builder.multiply(*xs),)

    def access(self, *inputs: TensorType) -> str:
        """`ik,kj->ij`, with letters for the leading axes in front."""
        named = letters(inputs[0].rank + 1)
        s, (i, j, k) = named[:-3], tuple(named[-3:])
        return f"{s}{i}{k},{s}{k}{j}->{s}{i}{j}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Vectors as matrices, stacks, empty sums, empty results."""
        for a, b in (
            ((3, 4), (4, 2)),
            ((1, 4), (4, 1)),
            ((3, 1), (1, 2)),
            ((2, 3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (2, 1, 4, 2)),
            ((3, 0), (0, 2)),
            ((0, 3), (3, 2)),
        ):
            yield cls(), (rng.normal(size=a), rng.normal(size=b))


matmul = Matmul()
