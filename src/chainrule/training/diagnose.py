"""Where a NaN came from: the first value of a step that is not finite, and why."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from chainrule.compile import Traced, data_of, trace
from chainrule.ir import Array, Value
from chainrule.tree import flatten


class NonFiniteError(ArithmeticError):
    """Training met a NaN or an infinity; the message names where it first arose."""


def explain_non_finite(step: Callable[..., Any], args: Any, when: str) -> None:
    """Replay a function, value by value, and raise if a value of it is not finite.

    `when` says in the message what was computed: "step 3 of the epoch".

    The message names the operation, the layer, the user's line, how many entries are
    affected and in which rows, and what the operation was given.
    """
    traced = trace(step, *args)
    leaves, _ = flatten(args)
    known = _known(traced, data_of(leaves))
    with np.errstate(all="ignore"):
        for value in traced.graph.order[len(traced.graph.inputs) :]:
            if value.operation is None:
                continue
            inputs = [known[x] for x in value.inputs]
            known[value] = np.asarray(value.operation.forward(*inputs))
            if _is_bad(known[value]) and not any(map(_is_bad, inputs)):
                _report(value, known[value], inputs, when)


def _known(traced: Traced, arguments: Sequence[Array]) -> dict[Value, Array]:
    inputs = [*arguments, *(state.data for state in traced.states)]
    return dict(zip(traced.graph.inputs, inputs, strict=True))


def _is_bad(array: Array) -> bool:
    return array.dtype.kind == "f" and not np.isfinite(array).all()


def _report(value: Value, array: Array, inputs: Sequence[Array], when: str) -> NoReturn:
    bad = ~np.isfinite(array)
    kind = "NaN" if np.isnan(array).any() else "infinite"
    name = value.operation.name if value.operation is not None else "a leaf"
    gave = f"{when} gave {kind} values"
    whole = f"{int(bad.sum())} of {array.size} entries of its {value.type}"
    ranges = [
        f"its input {i + 1} lies between {x.min():.4g} and {x.max():.4g}"
        for i, x in enumerate(inputs)
        if x.size and x.dtype.kind == "f"
    ]
    advice = (
        "the weights are as they were before that; a smaller learning rate, scaled "
        "inputs or clip_norm= most often help"
    )
    lines = [
        f"{gave}; they arose in {name}, {_place(value)}",
        f"{whole} are affected{_rows(bad)}",
        *ranges,
        advice,
    ]
    raise NonFiniteError("\n  ".join(lines))


def _place(value: Value) -> str:
    if value.location is None:
        return "at an unknown line"
    return f"at {value.location}"


def _rows(bad: Array) -> str:
    if bad.ndim == 0:
        return ""
    found = np.unique(np.argwhere(bad)[:, 0])
    shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    return f", in rows {shown} of {bad.shape[0]}"
