"""`Embedding`: a vector for each category."""

import numpy as np
from numpy.typing import DTypeLike

from chainrule import ops
from chainrule.expressions.promote import DEFAULT_FLOAT
from chainrule.nn import initializers
from chainrule.nn.checks import real_dtype, width
from chainrule.nn.initializers import Initializer
from chainrule.nn.module import Module
from chainrule.tensor import Parameter, Tensor


class Embedding(Module):
    """`y[i] = W[x[i]]`: the row of `W` for each category number.

    `x` holds integers from 0 to `count - 1` in any shape, `W` has shape
    `(count, features)`, and `y` has the shape of `x` with `features` added. `W` starts
    as `W_init` says, by default as `N(0, 1)`, drawn from `rng`, a NumPy generator or a
    seed.

    Raises `TypeError` if `x` are no integers and `IndexError` if one is out of range.

    >>> import chainrule as cr
    >>> layer = cr.nn.Embedding(3, 2)
    >>> layer.W.assign([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> layer(cr.tensor([2, 1]))
    tensor([[3., 4.],
            [1., 2.]])
    """

    def __init__(
        self,
        count: int,
        features: int,
        *,
        W_init: str | Initializer = "normal",
        dtype: DTypeLike = DEFAULT_FLOAT,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.count = width("Embedding", "count", count)
        self.features = width("Embedding", "features", features)
        dtype = real_dtype("Embedding", dtype)
        self.W = Parameter(initializers.draw(W_init, (count, features), rng, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """The rows of `W` for `x`."""
        if x.dtype.kind not in "iu":
            raise TypeError(
                f"{self.where()}: takes category numbers, integers, not {x.dtype}"
            )
        self._check_range(x.value.data)
        # Where `x` is traced, the range is checked when it is known.
        index = ops.checked_index(x.value, self.count, 0, negative=False)
        return Tensor(ops.take(self.W.value, (0,), [index]))

    def _check_range(
        self, x: np.ndarray[tuple[int, ...], np.dtype[np.integer]] | None
    ) -> None:
        if x is None or x.size == 0 or (x.min() >= 0 and x.max() < self.count):
            return
        wrong = x[(x < 0) | (x >= self.count)].flat[0]
        raise IndexError(
            f"{self.where()}: there is no category {wrong}: they are numbered from 0 "
            f"to {self.count - 1}. Make the layer for more, or map the new ones to one"
        )
