"""`check_gradients`: does the chain rule agree with finite differences?"""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.ir import Array
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

    Along a random direction `v`, `v . df/dx` has to agree with the central difference
    `(8 (f(x+hv) - f(x-hv)) - (f(x+2hv) - f(x-2hv))) / 12h`, whose error falls with
    `h**4`, to `tolerance`, relative to the larger of the two and of 1. The second
    `order` does the same for `x -> u . df/dx`, and so on.

    `args` are numbers, arrays, tensors, or lists, tuples and dicts of them. `f` may
    return any tensor; its sum, weighted at random, is what is checked. Raises
    `AssertionError` with both numbers where they differ.

    >>> import chainrule as cr
    >>> cr.check_gradients(lambda W, x: cr.tanh(x @ W), [[1.0], [2.0]], [0.5, -0.5])
    """
    rng = np.random.default_rng(seed)
    point = map_leaves(_double, list(args))
    weights: list[Array] = []

    def scalar(x: Any) -> Tensor:
        y = tensor_of(f(*x))
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
    rng: np.random.Generator,
) -> None:
    if depth > order:
        return
    leaves, structure = flatten(x)
    v = [rng.normal(size=leaf.shape) for leaf in leaves]
    found, _ = flatten(grad(f)(x))
    exact = sum(float((g.numpy() * d).sum()) for g, d in zip(found, v, strict=True))

    def along(t: float) -> float:
        moved = [
            tensor(leaf.numpy() + t * d) for leaf, d in zip(leaves, v, strict=True)
        ]
        return f(unflatten(structure, iter(moved))).item()

    h = 1e-3
    near, far = along(h) - along(-h), along(2 * h) - along(-2 * h)
    estimated = (8 * near - far) / (12 * h)
    error = abs(exact - estimated) / max(1.0, abs(exact), abs(estimated))
    if not error <= tolerance:
        raise AssertionError(
            f"the derivative of order {depth} along a random direction is {exact:.10g} "
            f"by the chain rule and {estimated:.10g} by finite differences: they differ "
            f"by {error:.2g}, and {tolerance:.2g} is allowed"
        )
    u = [rng.normal(size=leaf.shape) for leaf in leaves]

    def projected(x: Any) -> Tensor:
        parts, _ = flatten(grad(f)(x))
        return sum_of((g * d).sum() for g, d in zip(parts, u, strict=True))

    _check(projected, x, order, depth + 1, tolerance, rng)


def tensor_of(y: Any) -> Tensor:
    """What a checked function gave, if it is a tensor."""
    if not isinstance(y, Tensor):
        raise TypeError(f"check_gradients: f returned {type(y).__name__}, not a tensor")
    return y


def sum_of(parts: Any) -> Tensor:
    """The sum of tensors."""
    first, *rest = parts
    for part in rest:
        first = first + part
    return first  # type: ignore[no-any-return]  # parts are tensors


def _double(leaf: Any) -> Tensor:
    return tensor(leaf, np.float64)
