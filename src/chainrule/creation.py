"""Tensors made from a description of them, in float32 unless asked otherwise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from chainrule.expressions.promote import DEFAULT_FLOAT, Operand, as_value
from chainrule.tensor import Tensor, tensor

Shape = int | Sequence[int]


def zeros(shape: Shape, dtype: DTypeLike = DEFAULT_FLOAT) -> Tensor:
    """A tensor of `shape` full of 0."""
    return tensor(np.zeros(shape, dtype))


def ones(shape: Shape, dtype: DTypeLike = DEFAULT_FLOAT) -> Tensor:
    """A tensor of `shape` full of 1."""
    return tensor(np.ones(shape, dtype))


def full(shape: Shape, fill: float, dtype: DTypeLike = DEFAULT_FLOAT) -> Tensor:
    """A tensor of `shape` full of `fill`."""
    return tensor(np.full(shape, fill, dtype))


def zeros_like(x: Operand) -> Tensor:
    """Zeros of the shape and dtype of `x`."""
    like = as_value(x).type
    return tensor(np.zeros(like.shape, like.dtype))


def ones_like(x: Operand) -> Tensor:
    """Ones of the shape and dtype of `x`."""
    like = as_value(x).type
    return tensor(np.ones(like.shape, like.dtype))


def eye(
    rows: int, columns: int | None = None, dtype: DTypeLike = DEFAULT_FLOAT
) -> Tensor:
    """The matrix with 1 on its diagonal and 0 elsewhere."""
    return tensor(np.eye(rows, columns, dtype=dtype))


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """`start, start + step, ...` up to but not including `stop`; NumPy's conventions.

    >>> import chainrule as cr
    >>> cr.arange(3), cr.arange(0.0, 1.0, 0.5)
    (tensor([0, 1, 2]), tensor([0. , 0.5]))
    """
    start, stop = (0, start) if stop is None else (start, stop)
    integral = all(isinstance(number, int) for number in (start, stop, step))
    chosen = dtype or (np.int64 if integral else DEFAULT_FLOAT)
    return tensor(np.arange(start, stop, step).astype(chosen))


def linspace(
    start: float, stop: float, count: int = 50, dtype: DTypeLike = DEFAULT_FLOAT
) -> Tensor:
    """`count` numbers, evenly spaced, from `start` to `stop` inclusive."""
    return tensor(np.linspace(start, stop, count, dtype=dtype))
