"""`check_gradients`: does the chain rule agree with finite differences?"""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from chainrule.differences import slope
from chainrule.ir import Array, Rng
from chainrule.tensor import Tensor, tensor
from chainrule.transforms import grad
from chainrule.tree import flatten, map_leaves, unflatten


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compare the gradients of `f` at `args` with finite differences, in float64.

    Along a random direction `v`, `v . df/dx` has to agree with the slope that central
    differences give, to `tolerance`, relative to the sum of the `|v df/dx|`. The second
    `order` does the same for `x -> u . df/dx`, with a random `u`, and so on.

    `args` are numbers, arrays, tensors, or lists, tuples and dicts of them. `f` may
    return any tensor; its sum, weighted at random, is what is checked. Raises
    `AssertionError` with both numbers where they differ.

    >>> import chainrule as cr
    >>> cr.check_gradients(lambda W, x: cr.tanh(x @ W), [[1.0], [2.0]], [0.5, -0.5])
    """
    rng = np.random.default_rng(seed)
    point = map_leaves(_double, tuple(args))  # a list could be an array
    weights: list[Array] = []

    def scalar(x: Any) -> Tensor:
        y = _tensor_of(f(*x))
        if not weights:
            weights.append(rng.normal(size=y.shape))
        return (y * weights[0]).sum()

    _check(scalar, point, order, 1, tolerance, rng)


def _check(
    f: Callable[[Any], Tensor],
    x: Any,
    order: int,
    depth: int,
    tolerance: float,
    rng: Rng,
) -> None:
    if depth > order:
        return
    leaves, structure = flatten(x)
    v = [rng.normal(size=leaf.shape) for leaf in leaves]
    found, _ = flatten(grad(f)(x))
    terms = [(g.numpy() * d).ravel() for g, d in zip(found, v, strict=True)]
    exact = float(sum(part.sum() for part in terms))

    def along(t: float) -> float:
        moved = [
            tensor(leaf.numpy() + t * d) for leaf, d in zip(leaves, v, strict=True)
        ]
        return float(f(unflatten(structure, iter(moved))))

    estimated = slope(along)
    scale = float(sum(abs(part).sum() for part in terms))
    error = abs(exact - estimated) / max(scale, 1e-3)
    if not error <= tolerance:
        raise AssertionError(
            f"the derivative of order {depth} along a random direction is "
            f"{exact:.10g} by the chain rule and {estimated:.10g} by finite "
            f"differences: they differ by {error:.2g}, and {tolerance:.2g} is allowed"
        )
    u = [rng.normal(size=leaf.shape) for leaf in leaves]

    def projected(x: Any) -> Tensor:
        parts, _ = flatten(grad(f)(x))
        terms = [(g * d).sum() for g, d in zip(parts, u, strict=True)]
        total: Tensor = reduce(operator.add, terms)
        return total

    _check(projected, x, order, depth + 1, tolerance, rng)


def _tensor_of(y: Any) -> Tensor:
    """What a checked function gave, if it is a tensor."""
    if not isinstance(y, Tensor):
        raise TypeError(f"check_gradients: f returned {type(y).__name__}, not a tensor")
    return y


def _double(leaf: Any) -> Tensor:
    return tensor(leaf, np.float64)
