"""`Dense`: the layer in which every output is connected to every input."""

import numpy as np
from numpy.typing import DTypeLike

from chainrule.expressions.promote import DEFAULT_FLOAT
from chainrule.nn import initializers
from chainrule.nn.checks import real_dtype, rows, width
from chainrule.nn.initializers import Initializer
from chainrule.nn.module import Module
from chainrule.tensor import Parameter, Tensor


class Dense(Module):
    """`y = x W + b`: each output is a weighted sum of all inputs, plus a bias.

    `x` has shape `(batch, inputs)` or any other whose last axis is `inputs`, `W` has
    shape `(inputs, outputs)` and `b` has shape `(outputs,)`; `y` ends in `outputs`.
    Input of another dtype is converted to that of the weights.

    `W` starts as `W_init` says and `b` as `b_init` does: names or functions of
    `chainrule.nn.initializers`, drawn from `rng`, a NumPy generator or a seed. With
    `bias=False` there is no `b`. Raises `ValueError` for input of another width.

    >>> import chainrule as cr
    >>> layer = cr.nn.Dense(3, 2, W_init="ones")
    >>> layer(cr.tensor([[1.0, 2.0, 3.0]]))
    tensor([[6., 6.]])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        *,
        W_init: str | Initializer = "glorot_uniform",
        b_init: str | Initializer = "zeros",
        dtype: DTypeLike = DEFAULT_FLOAT,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.inputs = width("Dense", "inputs", inputs)
        self.outputs = width("Dense", "outputs", outputs)
        dtype = real_dtype("Dense", dtype)
        self.W = Parameter(initializers.draw(W_init, (inputs, outputs), rng, dtype))
        self.b = (
            Parameter(initializers.draw(b_init, (outputs,), rng, dtype))
            if bias
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x W + b`."""
        y = rows(self, x, self.inputs, self.W.dtype) @ self.W
        return y if self.b is None else y + self.b
