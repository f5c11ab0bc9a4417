"""Gradients kept from being too large, so that one odd batch cannot do much harm."""

from collections.abc import Mapping

from chainrule import functions as F
from chainrule.tensor import Tensor

Gradients = Mapping[str, Tensor]


def global_norm(gradients: Gradients) -> Tensor:
    """`sqrt(sum of g**2 over all elements of all gradients)`: the length of them all.

    >>> import chainrule as cr
    >>> global_norm({"W": cr.tensor([3.0]), "b": cr.tensor([4.0])})
    tensor(5.)
    """
    if not gradients:
        raise ValueError("global_norm: there are no gradients")
    first, *rest = [F.square(g).sum() for g in gradients.values()]
    for other in rest:
        first = first + other
    return F.sqrt(first)


def clip_by_norm(gradients: Gradients, limit: float) -> dict[str, Tensor]:
    """`g min(1, limit / (n + 1e-6))`, where `n` is the norm of all gradients together.

    Their direction stays. Pascanu, Mikolov and Bengio 2013, "On the difficulty of
    training recurrent neural networks", algorithm 1, with PyTorch's 1e-6.

    >>> import chainrule as cr
    >>> clip_by_norm({"W": cr.tensor([30.0]), "b": cr.tensor([40.0])}, 5.0)
    {'W': tensor([3.]), 'b': tensor([4.])}
    """
    _check_limit("clip_by_norm", limit)
    if not gradients:
        return {}
    scale = F.minimum(limit / (global_norm(gradients) + 1e-6), 1.0)
    return {name: g * scale.astype(g.dtype) for name, g in gradients.items()}


def clip_by_value(gradients: Gradients, limit: float) -> dict[str, Tensor]:
    """`g` where it is between `-limit` and `limit`, the nearer of the two elsewhere.

    >>> import chainrule as cr
    >>> clip_by_value({"W": cr.tensor([30.0, -1.0])}, 5.0)
    {'W': tensor([ 5., -1.])}
    """
    _check_limit("clip_by_value", limit)
    return {name: F.clip(g, -limit, limit) for name, g in gradients.items()}


def _check_limit(name: str, limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"{name}: the limit is above 0, not {limit}")
