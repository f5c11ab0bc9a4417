"""How the outputs of a network move as its inputs move: `input_gradients`."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from chainrule.compile import compile
from chainrule.insight.batches import (
    BATCH,
    Of,
    evaluated,
    inputs,
    outputs_of,
    picked,
    table_of,
    without_nan,
)
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tensor import Tensor
from chainrule.transforms import value_and_grad

# Which output: the largest of each row, one for all rows, or one for each.
Output: TypeAlias = int | ArrayLike | None

# `f(x, index) -> (y, dy/dx)`, compiled: of each row the output that `index` says.
Slope: TypeAlias = Callable[[Any, Any], tuple[Tensor, Tensor]]


def input_gradients(
    net: Module,
    X: Any,
    output: Output | Literal["all"] = None,
    *,
    of: Of = "output",
    batch_size: int = BATCH,
) -> Array:
    """`dy[i, k] / dx[i]`: how an output of each row moves as the row's inputs move.

    `X` has shape `(B, ...)`, one row for each example. `output` says which of the
    network's outputs `k` is meant:

    - a number: that output of every row;
    - an array of shape `(B,)`: one for each row, such as its class;
    - `None`: the only one, or else the largest of each row: the class it is given;
    - `"all"`: every one.

    With `of="output"` it is what the network gives: logits, for classes. With
    `of="probability"` it is the softmax of that, or the sigmoid of a single logit.

    The result has the shape of `X`, and `(B, outputs, ...)` for `"all"`. The network is
    in evaluation mode, and rows must not depend on each other.

    Raises `ValueError` or `TypeError` for inputs that are no finite numbers and for
    outputs that the network does not have, and `ValueError` where a gradient is NaN.

    >>> import chainrule as cr
    >>> net = cr.nn.Sequential(cr.nn.Dense(2, 1, W_init="ones"), cr.nn.Tanh())
    >>> cr.insight.input_gradients(net, [[0.0, 0.0], [3.0, 0.0]]).round(3)
    array([[1.  , 1.  ],
           [0.01, 0.01]], dtype=float32)
    """
    given = inputs(net, X)
    x = given.X.astype(given.dtype, copy=False)
    slope = compile(slope_of(net, of))
    if isinstance(output, str):
        if output != "all":
            raise ValueError(f"output={output!r} has to be a number, None or 'all'")
        count = outputs_of(net, x[:1]).shape[1]
        found = [
            evaluated(net, slope, [x, np.full(len(x), k)], batch_size=batch_size)[1]
            for k in range(count)
        ]
        return without_nan("gradient", np.stack(found, axis=1))
    index = chosen_outputs(net, x, output)
    _, dx = evaluated(net, slope, [x, index], batch_size=batch_size)
    return without_nan("gradient", dx)


def slope_of(net: Module, of: Of) -> Slope:
    """The function `(x, index) -> (y, dy/dx)`, to be compiled.

    `y` has shape `(B,)`: of each row the output that `index` says.
    """

    def slope(x: Any, index: Any) -> tuple[Tensor, Tensor]:
        def total(x: Tensor) -> tuple[Tensor, Tensor]:
            y = picked(table_of(net(x), of), index)
            return y.sum(), y

        # Each row's output depends on that row alone, so the gradient of their sum
        # has the gradients of all of them.
        (_, y), dx = value_and_grad(total, has_aux=True)(x)
        return y, dx

    return slope


def chosen_outputs(net: Module, x: Array, output: Output) -> Array:
    """Which output of each row is meant, of shape `(B,)`."""
    y = outputs_of(net, x if output is None else x[:1])
    if output is None:
        return np.asarray(y.argmax(axis=1))
    index = np.asarray(output)
    if index.dtype.kind not in "iu" or index.shape not in ((), (len(x),)):
        raise ValueError(
            "output has to be a whole number, or one for each of the "
            f"{len(x)} rows, not {index.dtype} of shape {index.shape}"
        )
    if index.min() < 0 or index.max() >= y.shape[1]:
        wrong = index[(index < 0) | (index >= y.shape[1])].flat[0]
        raise ValueError(
            f"there is no output {wrong}: the network gives {y.shape[1]}, from 0"
        )
    return np.broadcast_to(index, len(x)).astype(np.int64)
