"""Functions of functions: `grad`, `value_and_grad`, `jvp`, `hessian_vector_product`.

Each runs the function once to get its graph, and extends the graph by the chain rule.
They nest: the gradient of a gradient is the same thing, once more.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Protocol, runtime_checkable

from chainrule import taps
from chainrule.expressions.promote import as_value
from chainrule.ir import Array, Graph, Value, topological
from chainrule.ops import full_like, identity
from chainrule.passes import gradients, interpret
from chainrule.tensor import Parameter, Tensor, tensor
from chainrule.trace import active_trace
from chainrule.tree import flatten, map_leaves, unflatten


@runtime_checkable
class HasParameters(Protocol):
    """A module: gradients with respect to it are those of its parameters."""

    def parameters(self) -> dict[str, Parameter]:
        """The parameters by name."""


# How many of these functions are running: their results need a history only if
# another one around them is going to differentiate it.
_depth: ContextVar[int] = ContextVar("depth", default=0)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives `(y, dy/dx)`, where `y = f(x, ...)` is one number.

    `argnums` says with respect to which arguments; for several, the gradients come as
    a tuple. An argument may be a tensor, an array, a number, or a list, tuple or dict
    of them: its gradient has the same form. For a module, it is a dict of the
    gradients of its parameters, by name. With `has_aux`, `f` returns `(y, aux)` and
    so the result is `((y, aux), dy/dx)`.

    >>> import chainrule as cr
    >>> cr.value_and_grad(lambda w: (w * w).sum())([1.0, 2.0])
    (tensor(5.), tensor([2., 4.]))
    """
    chosen = [argnums] if isinstance(argnums, int) else list(argnums)

    @wraps(f)
    def differentiated(*args: Any, **keywords: Any) -> Any:
        subjects = _subjects(f, chosen, args)
        call = [*args]
        for i, subject in zip(chosen, subjects, strict=True):
            call[i] = subject
        with _nested():
            result = f(*call, **keywords)
        y, aux = result if has_aux else (result, None)
        value = _scalar(f, y)
        wrt = [_leaves(subject) for subject in subjects]
        flat = [leaf for leaves, _ in wrt for leaf in leaves]
        watched = taps.watched(value)
        every = [*flat, *watched.values()]
        loss, *found = _settle(
            [value, *gradients([value], every, [full_like(value, 1)])]
        )
        seen = (x.value for x in found[len(flat) :])
        taps.found(dict(zip(watched, seen, strict=True)))
        rest = iter(found)
        grads = tuple(unflatten(structure, rest) for _, structure in wrt)
        shown = (loss, map_leaves(_settled, aux)) if has_aux else loss
        return shown, (grads[0] if isinstance(argnums, int) else grads)

    return differentiated


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that gives `dy/dx`, where `y = f(x, ...)` is one number.

    See `value_and_grad` for what `x` may be. It nests:

    >>> import chainrule as cr
    >>> cr.grad(lambda x: x**3)(2.0)
    tensor(12.)
    >>> cr.grad(cr.grad(lambda x: x**3))(2.0)
    tensor(12.)
    """
    both = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any, **keywords: Any) -> Any:
        return both(*args, **keywords)[1]

    return gradient


def jvp(f: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """The function `(x, v) -> (y, J v)`: how `y = f(x)` moves as `x` moves along `v`.

    `J` is the Jacobian dy/dx, and `v` has the form of `x`. Further arguments are
    passed on to `f`. `J v` is found by differentiating `J' u`, which is linear in
    `u`, with respect to `u`, so every operation has it as soon as it has a gradient.

    >>> import chainrule as cr
    >>> cr.jvp(cr.sin)(0.0, 2.0)
    (tensor(0.), tensor(2.))
    """

    @wraps(f)
    def pushed(x: Any, v: Any, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        (subject,) = _subjects(f, [0], (x,))
        with _nested():
            y = f(subject, *args, **keywords)
        ys, structure = _leaves(y)
        xs, _ = _leaves(subject)
        directions = _directions(xs, v)
        us = [Value(y.type) for y in ys]
        dxs = gradients(ys, xs, us)
        dys = gradients(dxs, us, directions)
        settled = iter(_settle([*ys, *dys]))
        return unflatten(structure, settled), unflatten(structure, settled)

    return pushed


def hessian_vector_product(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `(x, v) -> H v`, where `H` is the second derivative of `f` at `x`.

    `f` gives one number and `v` has the form of `x`. The matrix `H`, of one row and
    column for each element of `x`, is never made: `H v` is the gradient of `v . df/dx`.

    >>> import chainrule as cr
    >>> cr.hessian_vector_product(lambda x: (x**3).sum())(cr.tensor([1., 2.]), [1., 0.])
    tensor([6., 0.])
    """

    @wraps(f)
    def product(x: Any, v: Any, *args: Any, **keywords: Any) -> Any:
        (subject,) = _subjects(f, [0], (x,))
        with _nested():
            y = _scalar(f, f(subject, *args, **keywords))
        xs, structure = _leaves(subject)
        dxs = gradients([y], xs, [full_like(y, 1)])
        products = gradients(dxs, xs, _directions(xs, v))
        return unflatten(structure, iter(_settle(products)))

    return product


# --- how they work ----------------------------------------------------------------


def _subjects(f: Callable[..., Any], chosen: Sequence[int], args: Any) -> list[Any]:
    """The arguments to differentiate with respect to, as fresh values of the graph.

    Fresh, so that the same tensor used by `f` in another way does not count.
    """
    for i in chosen:
        if not -len(args) <= i < len(args):
            name = getattr(f, "__name__", "the function")
            raise TypeError(
                f"{name} was called without the argument {i} to differentiate"
            )
    return [
        args[i] if isinstance(args[i], HasParameters) else map_leaves(_fresh, args[i])
        for i in chosen
    ]


def _fresh(x: Any) -> Tensor:
    value = as_value(x)
    if not value.type.is_floating:
        raise TypeError(
            f"the gradient with respect to {value.type} does not exist: make it a real "
            "number, such as 2.0 for 2"
        )
    if _needs_history():
        return Tensor(identity(value))
    # A leaf, so that nothing behind it is ever walked.
    return Tensor(Value(value.type, name=value.name, data=Tensor(value).data))


def _leaves(subject: Any) -> tuple[list[Value], Any]:
    """The values of a subject, and the structure its gradient is to have."""
    tree = subject.parameters() if isinstance(subject, HasParameters) else subject
    leaves, structure = flatten(tree)
    return [as_value(leaf) for leaf in leaves], structure


def _directions(xs: Sequence[Value], v: Any) -> list[Value]:
    leaves, _ = flatten(v)
    directions = [as_value(d, x.type.dtype) for x, d in zip(xs, leaves, strict=True)]
    for x, d in zip(xs, directions, strict=True):
        if x.shape != d.shape:
            raise ValueError(f"the direction has shape {d.shape}, and x has {x.shape}")
    return directions


def _scalar(f: Callable[..., Any], y: Any) -> Value:
    value = as_value(y)
    if value.type.size != 1 or not value.type.is_floating:
        name = getattr(f, "__name__", "the function")
        raise ValueError(
            f"{name} has to return one real number to have a gradient, not "
            f"{value.type}; take a sum or a mean"
        )
    return value


@contextmanager
def _nested() -> Iterator[None]:
    token = _depth.set(_depth.get() + 1)
    try:
        yield
    finally:
        _depth.reset(token)


def _needs_history() -> bool:
    """Whether somebody may differentiate what is computed now once more."""
    return active_trace() is not None or _depth.get() > 0


def _settle(values: Sequence[Value]) -> list[Tensor]:
    """The values as tensors; without history unless somebody is going to need it."""
    if _needs_history():
        return [Tensor(value) for value in values]
    known = [value for value in topological(values) if value.data is not None]
    arrays: list[Array] = [value.data for value in known if value.data is not None]
    results = interpret(Graph(tuple(known), tuple(values)), arrays)
    return [tensor(result) for result in results]


def _settled(leaf: Any) -> Any:
    return _settle([leaf.value])[0] if isinstance(leaf, Tensor) else leaf
