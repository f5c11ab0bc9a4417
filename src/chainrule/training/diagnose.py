"""Where a NaN came from: the first value of a step that is not finite, and why.

The step is replayed by the interpreter, value by value, from the same weights and on
the same rows. An infinity that is meant (a mask before a softmax, say) harms nobody:
what counts is where that began which reached the loss, or the new weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compile import Traced, data_of, trace
from chainrule.ir import Array, Value
from chainrule.ops import Constant
from chainrule.training.causes import Story, directly, likely
from chainrule.training.data import Rows
from chainrule.training.naming import LOSS, OPTIMIZER
from chainrule.tree import flatten

_MOST = 5  # rows, or columns, that are named


class NonFiniteError(ArithmeticError):
    """Training met a NaN or an infinity; the message names where it first arose."""


def explain_non_finite(
    step: Callable[..., Any],
    batch: Rows,
    when: str,
    story: Story,
    *others: Any,
) -> None:
    """Replay `step(*batch.parts, *others)`; raise if a result of it is not finite.

    `when` says in the message what was computed: "step 3 of the epoch". The message
    names the operation, the layer, the user's line, the entries, the rows and columns
    that are affected, and the likely cause.
    """
    traced = trace(step, *batch.parts, *others)
    leaves, _ = flatten((*batch.parts, *others))
    known = _replay(traced, data_of(leaves))
    _check_states(traced, when)
    origin = _origin(traced, known)
    if origin is not None:
        axes = _batch_axes(step, traced, batch, others)
        counts = _counts(traced)
        found = _Found(*origin, known, when, batch, axes[origin[0]], counts=counts)
        raise NonFiniteError(found.message(story))


def _counts(traced: Traced) -> bool:
    """Whether the step computes with X, rather than looking something up by it."""
    X = traced.graph.inputs[0]
    return any(
        value.type.is_floating and X in value.inputs
        for value in traced.graph.order
        if value.operation is not None and value.operation.elementwise
    )


def _check_states(traced: Traced, when: str) -> None:
    """Raise if a weight or a moment was not finite before anything was computed."""
    for state in traced.states:
        if state.dtype.kind == "f" and _not_finite(state.data).any():
            count = int(_not_finite(state.data).sum())
            raise NonFiniteError(
                f"{when} began with {state.name} that is not finite already, in {count}"
                f" of {state.size} entries: nothing can be learned from there on"
            )


def _replay(traced: Traced, arguments: Sequence[Array]) -> dict[Value, Array]:
    """Every value of the step. As in compiled code, denormals count as zero."""
    inputs = [*arguments, *(state.data for state in traced.states)]
    known = dict(zip(traced.graph.inputs, inputs, strict=True))
    with np.errstate(all="ignore"):
        for value in traced.graph.order[len(traced.graph.inputs) :]:
            if value.operation is not None:
                found = value.operation.forward(*(known[x] for x in value.inputs))
                known[value] = _flushed(np.asarray(found))
    return known


def _flushed(array: Array) -> Array:
    if array.dtype.kind != "f":
        return array
    tiny = np.abs(array) < np.finfo(array.dtype).smallest_normal
    return np.where(tiny & (array != 0), np.zeros((), array.dtype), array)


def _not_finite(array: Array) -> Array:
    return ~np.isfinite(array)


def _origin(traced: Traced, known: Mapping[Value, Array]) -> tuple[Value, Array] | None:
    """The first value that went wrong among those that led to a result that is.

    And which entries of it did. Where infinities were given, it is the first NaN.
    """
    for which in (_not_finite, np.isnan):

        def is_wrong(x: Value, which: Callable[[Array], Array] = which) -> bool:
            array = known[x]
            return array.dtype.kind == "f" and bool(which(array).any())

        led = _led_to_results(traced, is_wrong)
        for value in traced.graph.order:
            first = value in led and not any(map(is_wrong, value.inputs))
            if first and value.inputs:
                return value, which(known[value])
    return None


def _led_to_results(traced: Traced, is_wrong: Callable[[Value], bool]) -> set[Value]:
    """What is wrong, and made a result so through nothing but what is wrong."""
    led: set[Value] = set()
    waiting = [value for value in traced.graph.results if is_wrong(value)]
    while waiting:
        value = waiting.pop()
        if value in led or isinstance(value.operation, Constant):
            continue
        led.add(value)
        waiting += [x for x in value.inputs if is_wrong(x)]
    return led


def _batch_axes(
    step: Callable[..., Any], traced: Traced, batch: Rows, others: Any
) -> dict[Value, int | None]:
    """Of each value, the axis along which the rows of the batch lie.

    It is the one that is longer where there is one more row.
    """
    more = [
        None if part is None else np.zeros((len(part) + 1, *part.shape[1:]), part.dtype)
        for part in batch.parts
    ]
    order = traced.graph.order
    other = trace(step, *more, *others).graph.order
    if len(order) != len(other):
        return dict.fromkeys(order)
    return {a: _longer(a, b) for a, b in zip(order, other, strict=True)}


def _longer(a: Value, b: Value) -> int | None:
    differ = (
        i for i, (n, m) in enumerate(zip(a.shape, b.shape, strict=True)) if n != m
    )
    return next(differ, None)


@dataclass(frozen=True)
class _Found:
    """The value in which it began."""

    value: Value
    bad: Array
    known: Mapping[Value, Array]
    when: str
    batch: Rows
    axis: int | None
    counts: bool

    def message(self, story: Story) -> str:
        array = self.known[self.value]
        bad = self.bad
        kind = "NaN" if np.isnan(array).any() else "infinite"
        name = self.value.operation.name if self.value.operation is not None else ""
        inputs = [self.known[x] for x in self.value.inputs]
        cause, overflows = directly(self.value, inputs, bad)
        causes = [cause]
        if overflows:
            causes += likely(self.value, story, counts=self.counts)
        whole = f"{int(bad.sum())} of {array.size} entries of its {self.value.type}"
        lines = [
            f"{self.when} gave {kind} values; they arose in {name}, {self._place()}",
            f"{whole} are {kind}{''.join(self._where(bad, inputs))}",
            *causes,
            "the weights are as they were before that",
        ]
        return "\n  ".join(lines)

    def _place(self) -> str:
        location = self.value.location
        if location is None:
            return "at an unknown line"
        at = f"at {location.file}:{location.line}"
        if location.layer == LOSS:
            return f"{at}, in the loss"
        if location.layer == OPTIMIZER:
            return f"{at}, in the update of the weights"
        return f"at {location}"

    def _where(self, bad: Array, inputs: Sequence[Array]) -> Iterator[str]:
        """Rows of X, and columns of the value."""
        axis = self.axis
        if axis is not None:
            yield f", in {self._rows(np.unique(np.nonzero(bad)[axis]))}"
        columns = bad.ndim - 1
        if columns > 0 and axis != columns:
            found = np.unique(np.nonzero(bad)[columns])
            if len(found) < bad.shape[columns]:
                yield f", {_numbered('column', found.tolist())} of {bad.shape[columns]}"
        if axis is None:
            yield from self._largest_row(inputs)

    def _largest_row(self, inputs: Sequence[Array]) -> Iterator[str]:
        """Where sums over the batch overflow, the row that adds most to them."""
        count = len(self.batch)
        for x in inputs:
            if x.ndim and x.shape[0] == count and x.dtype.kind == "f":
                rows = np.abs(x.astype(np.float64)).reshape(count, -1).max(axis=1)
                most = self._rows(np.asarray([int(rows.argmax())]))
                yield f", most of it from {most}"
                return

    def _rows(self, which: Array) -> str:
        numbers = self.batch.numbers
        rows = which if numbers is None else numbers[which]
        return f"{_numbered('row', np.sort(rows).tolist())} of {self.batch.name}"


def _numbered(what: str, numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST]))
    if len(numbers) > _MOST:
        return f"{len(numbers)} {what}s ({shown}, ...)"
    return f"{what}{'s' if len(numbers) > 1 else ''} {shown}"
