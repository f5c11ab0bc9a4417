"""Layers that shift and scale what passes through to mean 0 and variance 1."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from chainrule import functions as F
from chainrule.expressions.promote import DEFAULT_FLOAT
from chainrule.nn.checks import real_dtype, rows, width
from chainrule.nn.module import Module
from chainrule.tensor import Parameter, State, Tensor


class BatchNorm(Module):
    """`y = gamma (x - mean) / sqrt(var + epsilon) + beta`, for each column by itself.

    `x` has shape `(batch, features)`, or more axes with the features last; `gamma`
    and `beta` have shape `(features,)`, and are left out with `affine=False`.

    In training mode `mean` and `var` are those of the batch, over all axes but the
    last, `var` divided by the number of rows `n`. Meanwhile the layer remembers them:
    `running = (1 - momentum) running + momentum batch`, where the variance that it
    remembers is divided by `n - 1`. Otherwise those running values, which start at 0
    and 1, are used. Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2.

    Raises `ValueError` for input of another width, and in training mode for fewer than
    two rows, which have no variance.

    >>> import chainrule as cr
    >>> layer = cr.nn.BatchNorm(1, epsilon=0.0)
    >>> layer(cr.tensor([[1.0], [3.0]]))
    tensor([[-1.],
            [ 1.]])
    >>> layer.running_mean, layer.running_var
    (state([0.2], name='running_mean'), state([1.1], name='running_var'))
    """

    smallest_batch = 2

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = DEFAULT_FLOAT,
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm: momentum is between 0 and 1, not {momentum}")
        self.features = width("BatchNorm", "features", features)
        self.momentum, self.epsilon = momentum, epsilon
        dtype = real_dtype("BatchNorm", dtype)
        self.gamma = Parameter(np.ones(features, dtype)) if affine else None
        self.beta = Parameter(np.zeros(features, dtype)) if affine else None
        self.running_mean = State(np.zeros(features, dtype))
        self.running_var = State(np.ones(features, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """`x` with mean 0 and variance 1 in each column, then scaled and shifted."""
        x = rows(self, x, self.features, self.running_mean.dtype)
        if not self.training:
            return self._scaled(x - self.running_mean, self.running_var)
        n = math.prod(x.shape[:-1])
        if n < 2:
            raise ValueError(
                f"{self.where()}: a batch of {n} rows has no variance to learn from. "
                "Train with batches of 2 rows or more, or call eval() to predict"
            )
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        centred = x - mean
        var = F.square(centred).mean(axes)
        self._remember(self.running_mean, mean)
        self._remember(self.running_var, var * (n / (n - 1)))
        return self._scaled(centred, var)

    def _scaled(self, centred: Tensor, var: Tensor) -> Tensor:
        unit = centred * F.rsqrt(var + self.epsilon)
        return _affine(unit, self.gamma, self.beta)

    def _remember(self, running: State, batch: Tensor) -> None:
        kept = running * (1 - self.momentum)
        running.assign(kept + F.detach(batch) * self.momentum)


class LayerNorm(Module):
    """`y = gamma (x - mean) / sqrt(var + epsilon) + beta`, for each row by itself.

    `mean` and `var` are those of the last axis of `x`, or of the last few whose
    extents `features` lists; `gamma` and `beta` have that shape. `bias=False` leaves
    out `beta`, `affine=False` both. Ba, Kiros and Hinton 2016, "Layer normalization".

    Raises `ValueError` for input of another width.

    >>> import chainrule as cr
    >>> cr.nn.LayerNorm(2, epsilon=0.0)(cr.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    def __init__(
        self,
        features: int | Sequence[int],
        *,
        epsilon: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike = DEFAULT_FLOAT,
    ) -> None:
        extents = features if isinstance(features, Sequence) else (features,)
        self.shape = tuple(width("LayerNorm", "features", n) for n in extents)
        if not self.shape:
            raise ValueError("LayerNorm: features names no axis")
        self.epsilon = epsilon
        self.dtype = real_dtype("LayerNorm", dtype)
        self.gamma = Parameter(np.ones(self.shape, self.dtype)) if affine else None
        self.beta = (
            Parameter(np.zeros(self.shape, self.dtype)) if affine and bias else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x` with mean 0 and variance 1 in each row, then scaled and shifted."""
        axes = tuple(range(-len(self.shape), 0))
        if x.shape[-len(self.shape) :] != self.shape:
            raise ValueError(
                f"{self.where()}: takes input whose shape ends in {self.shape}, and "
                f"this has shape {x.shape}. Make the layer for the shape it gets"
            )
        x = x.astype(self.dtype)
        centred = x - x.mean(axes, keepdims=True)
        var = F.square(centred).mean(axes, keepdims=True)
        return _affine(centred * F.rsqrt(var + self.epsilon), self.gamma, self.beta)


def _affine(x: Tensor, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
    y = x if gamma is None else x * gamma
    return y if beta is None else y + beta
