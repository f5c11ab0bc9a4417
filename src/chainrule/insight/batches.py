"""Rows through a network in evaluation mode, batch after batch."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule import functions as F
from chainrule.compile import compile
from chainrule.ir import Array, DType
from chainrule.nn import Module
from chainrule.nn.functional import sigmoid, softmax
from chainrule.tensor import Tensor
from chainrule.training.data import Rows, rows
from chainrule.training.program import modes_kept

BATCH = 1024

# What of a network's outputs is looked at: the numbers that it gives, or what softmax
# or sigmoid make of them.
Of: TypeAlias = Literal["output", "probability"]


def dtype_of_net(net: Module) -> DType:
    """The dtype in which the network computes."""
    if not isinstance(net, Module):
        raise TypeError(f"net has to be a cr.nn.Module, not {type(net).__name__}")
    for parameter in net.parameters().values():
        return parameter.dtype
    return np.dtype(np.float32)


def inputs(net: Module, X: Any, columns: Sequence[str] | None = None) -> Rows:
    """The rows of `X`, checked, and what their `columns` are called, if anything."""
    y = np.zeros(len(X) if hasattr(X, "__len__") else 0)
    return rows(X, y, None, dtype_of_net(net), "given", columns=columns)


def evaluated(
    net: Module,
    function: Callable[..., Any],
    parts: Sequence[Array],
    *constants: Any,
    batch_size: int = BATCH,
) -> list[Array]:
    """What `function` gives for all rows: a tuple of tensors, with a row for each.

    It is called with a batch of each of the `parts`, and then the `constants`, while
    no layer of `net` is training. Compile it first.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} has to be at least 1")
    found = []
    with modes_kept(net):
        net.eval()
        for start in range(0, len(parts[0]), batch_size):
            # The last batch begins earlier, so that there is one size to compile for.
            first = min(start, max(len(parts[0]) - batch_size, 0))
            batch = [part[first : first + batch_size] for part in parts]
            found.append(
                [x.numpy()[start - first :] for x in function(*batch, *constants)]
            )
    return [np.concatenate(column) for column in zip(*found, strict=True)]


def without_nan(what: str, found: Array) -> Array:
    """`found`, one row for each row, unless there is NaN in it."""
    rows = np.flatnonzero(np.isnan(found).reshape(len(found), -1).any(axis=1))
    if rows.size:
        raise ValueError(
            f"the {what} of row {rows[0]} is NaN, as that of {rows.size} of "
            f"{len(found)} rows: the network has no slope there, or overflows"
        )
    return found


def outputs_of(net: Module, x: Array, batch_size: int = BATCH) -> Array:
    """What the network gives for the rows, of shape `(B, outputs)`."""
    (y,) = evaluated(net, compile(lambda x: (net(x),)), [x], batch_size=batch_size)
    return y.reshape(len(x), -1)


def table_of(y: Tensor, of: Of = "output") -> Tensor:
    """What a network gives, as a table: a row for each row, a column for each output.

    With `of="probability"` the outputs are logits, and it is their softmax; of a single
    one, the sigmoid.
    """
    if of not in ("output", "probability"):
        raise ValueError(f"of={of!r} has to be 'output' or 'probability'")
    table = y.reshape((y.shape[0], -1))
    if of == "output":
        return table
    return sigmoid(table) if table.shape[1] == 1 else softmax(table)


def picked(table: Tensor, index: Tensor) -> Tensor:
    """`y[i] = table[i, index[i]]`."""
    return F.gather(table, index.reshape((-1, 1)), 1).reshape((-1,))
