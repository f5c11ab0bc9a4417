"""Taps: values and gradients inside a function, looked at from outside.

`tap` marks a value, and every layer's output is marked by its path. Nothing comes of a
mark unless somebody asks: `tapped` makes of a function another one, which also returns
what is asked for. It is a function like any other, so compiling it is a compilation of
its own, and the function itself runs as fast as before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

from chainrule.expressions.promote import as_value
from chainrule.ir import Value, topological
from chainrule.ops import full_like
from chainrule.passes import gradients
from chainrule.tensor import Tensor
from chainrule.trace import Trace, active_trace
from chainrule.tree import flatten

T = TypeVar("T")

_GRADIENT = ".grad"


def tap(x: T, name: str) -> T:
    """`x` itself, which can be looked at by its name: see `tapped`.

    It costs nothing: the graph is the same with it. Where one name is given several
    times, the second value is `name#2`, and so on.
    """
    seen = _looking.get()
    if seen is not None:
        seen.mark(name, as_value(x))  # type: ignore[arg-type]  # or it says what x is
    return x


def note(layer: str, y: Any) -> None:
    """Let who is looking know of the output of a layer, if it is a tensor."""
    seen = _looking.get()
    if seen is not None and isinstance(y, Tensor):
        seen.mark(layer, y.value)


def tapped(
    function: Callable[..., Any], names: Iterable[str] | None = None
) -> Callable[..., tuple[Any, dict[str, Tensor]]]:
    """The function that gives `(y, seen)`, where `y` is what `function` gives.

    `seen` has a tensor for each of `names`:

    - `"hidden"`: what `cr.tap(x, "hidden")` marked,
    - `"encoder.2"`: what the layer of that path gave,
    - `"0.W"`: a parameter, or any tensor that has a name,
    - `"hidden.grad"`: the gradient of the loss with respect to any of these. The loss
      is that of `cr.grad` or `cr.value_and_grad` inside (the outermost, if they nest),
      or else what `function` returns, if that is one real number.

    Without `names`, it is all marks and all layers. States are assigned as `function`
    assigns them. `cr.compile(cr.tapped(step, names))` is a program of its own.

    Raises `ValueError` for a name that is not there; the message says which are.

    >>> import chainrule as cr
    >>> def loss(x):
    ...     h = cr.tap(cr.tanh(x), "h")
    ...     return (h * h).sum()
    >>> y, seen = cr.tapped(loss, ["h", "h.grad"])([0.0, 1.0])
    >>> seen["h"], seen["h.grad"]
    (tensor([0.       , 0.7615942]), tensor([0.       , 1.5231884]))
    """
    asked = None if names is None else tuple(names)
    if isinstance(names, str):
        raise TypeError(f"names={names!r} has to be a list of names: [{names!r}]")

    @wraps(function, updated=())
    def looked(*args: Any, **keywords: Any) -> tuple[Any, dict[str, Tensor]]:
        with _look(asked) as seen:
            y = function(*args, **keywords)
        _differentiate_result(seen, y)
        called = getattr(function, "__name__", "the function")
        return y, seen.results(called, y)

    return looked


def looking() -> bool:
    """Whether somebody looks at the values of what runs now."""
    return _looking.get() is not None


def watched(loss: Value) -> dict[str, Value]:
    """The values that `loss` may stand on whose gradients are asked for, by name."""
    seen = _looking.get()
    return {} if seen is None else seen.watched([loss])


def found(gradients_: Mapping[str, Value]) -> None:
    """Let who is looking have gradients."""
    seen = _looking.get()
    if seen is not None:
        seen.gradients.update(gradients_)


class _Seen:
    """What was marked while a function ran, and the gradients that were asked for."""

    def __init__(self, asked: Sequence[str] | None) -> None:
        self.asked = asked
        self.marked: dict[str, Value] = {}
        self.gradients: dict[str, Value] = {}
        self._trace: Trace | None = active_trace()

    def mark(self, name: str, x: Value) -> None:
        if active_trace() is not self._trace:
            return  # it belongs to another graph
        count, key = 1, name
        while key in self.marked:
            count += 1
            key = f"{name}#{count}"
        self.marked[key] = x

    def watched(self, outputs: Sequence[Value]) -> dict[str, Value]:
        wanted = [name for name in self.asked or () if name.endswith(_GRADIENT)]
        if not wanted:
            return {}
        known = self.known(outputs)
        names = (name.removesuffix(_GRADIENT) for name in wanted)
        return {
            name: known[name]
            for name in names
            if name in known and known[name].type.is_floating
        }

    def known(self, outputs: Iterable[Value]) -> dict[str, Value]:
        """All values that have a name: marks, states, and leaves of the graph."""
        states = () if self._trace is None else self._trace.given
        leaves = [x for x in topological(outputs) if x.operation is None]
        named = {x.name: x for x in (*leaves, *states) if x.name is not None}
        return {**named, **self.marked}

    def results(self, called: str, y: Any) -> dict[str, Tensor]:
        if self.asked is None:
            return {name: Tensor(value) for name, value in self.marked.items()}
        known = self.known(_values(y))
        return {name: Tensor(self._result(name, known, called)) for name in self.asked}

    def _result(self, name: str, known: Mapping[str, Value], called: str) -> Value:
        if name in known:
            return known[name]
        of = name.removesuffix(_GRADIENT)
        if name.endswith(_GRADIENT) and of in known:
            if of in self.gradients:
                return self.gradients[of]
            reason = (
                "it has no loss: use cr.value_and_grad in it, or let it return one "
                "real number"
                if known[of].type.is_floating
                else f"{known[of].type} holds no real numbers"
            )
            raise ValueError(f"there is no gradient {name!r} in {called}: {reason}")
        names = ", ".join(known) or "none: mark values with cr.tap(x, name)"
        raise ValueError(
            f"there is nothing called {name!r} in {called}; there are {names}"
        )


_looking: ContextVar[_Seen | None] = ContextVar("looking", default=None)


@contextmanager
def _look(asked: Sequence[str] | None) -> Iterator[_Seen]:
    seen = _Seen(asked)
    token = _looking.set(seen)
    try:
        yield seen
    finally:
        _looking.reset(token)


def _differentiate_result(seen: _Seen, y: Any) -> None:
    """The gradients of what a function returned, where nothing inside gave them."""
    values = _values(y)
    if len(values) != 1 or values[0].type.size != 1 or not values[0].type.is_floating:
        return
    wanted = {
        name: x
        for name, x in seen.watched(values).items()
        if name not in seen.gradients
    }
    seeds = [full_like(values[0], 1)]
    dxs = gradients(values, list(wanted.values()), seeds)
    seen.gradients.update(zip(wanted, dxs, strict=True))


def _values(y: Any) -> list[Value]:
    leaves, _ = flatten(y)
    return [as_value(leaf) for leaf in leaves if isinstance(leaf, Tensor)]
