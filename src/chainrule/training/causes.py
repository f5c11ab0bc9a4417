"""Why a number stopped being finite: what the replay of a step shows of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from chainrule.ir import Array, Value, dtype_name
from chainrule.training.data import Rows
from chainrule.training.naming import OPTIMIZER

__all__ = ["Story", "directly", "likely"]

# From where on a number is large: what was scaled stays far below.
_LARGE: Final = 1e3
# How much larger than most columns one is that was not scaled as they are; by how much
# weights and losses grow where a learning rate is too high.
_APART: Final = 100.0
_GROWN: Final = 10.0
_MOST: Final = 3  # columns, or losses, that are named


@dataclass(frozen=True)
class Story:
    """What came before the step that went wrong.

    `start` has the largest weight of each parameter before training, `now` before the
    step; `losses` are the last ones, the one that went wrong not included.
    """

    data: Rows
    learning_rate: float | None = None
    steps: int = 0
    start: Mapping[str, float] = field(default_factory=dict)
    now: Mapping[str, float] = field(default_factory=dict)
    losses: Sequence[float] = ()


# --- the operation itself -------------------------------------------------------------


def directly(value: Value, inputs: Sequence[Array], bad: Array) -> tuple[str, bool]:
    """What the operation was given that it has no finite answer to.

    The second part says whether numbers just became too large: then there is more to
    ask, namely why.
    """
    name = value.operation.name if value.operation is not None else ""
    said = _DOMAINS.get(name, _nothing)(*(_at(x, bad) for x in inputs))
    if said:
        return said, False
    if any(x.dtype.kind == "f" and np.isinf(x).any() for x in inputs):
        return "its inputs are infinite already, and inf - inf or 0 * inf is NaN", False
    limit = float(np.finfo(value.type.dtype).max)
    kind = dtype_name(value.type.dtype)
    if name in _EXPONENTIALS:
        highest = float(_at(inputs[0], bad).max())
        most = np.log(limit)
        said = (
            f"an exponential overflows: its input goes up to {highest:.4g}, and "
            f"exp({most:.3g}) is all that {kind} holds"
        )
        return said, True
    largest = max((_largest(x) for x in inputs), default=0.0)
    said = (
        f"its inputs go up to {largest:.4g}: the result is more than {kind} holds "
        f"({limit:.2g})"
    )
    return said, True


def _at(x: Array, bad: Array) -> Array:
    """The entries that went wrong, where an input has an entry for each of them."""
    return x[bad] if x.shape == bad.shape else x.ravel()


def _largest(x: Array) -> float:
    finite = np.abs(x[np.isfinite(x)].astype(np.float64))
    return float(finite.max()) if finite.size else 0.0


def _nothing(*inputs: Array) -> str:
    del inputs
    return ""


def _log(x: Array) -> str:
    return _below(x, 0.0, "the logarithm")


def _log1p(x: Array) -> str:
    return _below(x, -1.0, "log1p, the logarithm of 1 + x,")


def _below(x: Array, least: float, what: str) -> str:
    lowest = float(x.min())
    if lowest > least:
        return ""
    if lowest == least:
        return f"{what} of {least:g}: it needs numbers above that"
    return f"{what} of {lowest:.4g}: it needs numbers above {least:g}"


def _sqrt(x: Array) -> str:
    lowest = float(x.min())
    return f"the square root of {lowest:.4g}, which is negative" if lowest < 0 else ""


def _rsqrt(x: Array) -> str:
    lowest = float(x.min())
    return f"one over the square root of {lowest:.4g}" if lowest <= 0 else ""


def _divide(x: Array, y: Array) -> str:
    if not y.all():
        return f"a division by 0: {_largest(x):.4g} / 0"
    least = float(np.abs(y).min())
    if least < _NEAR_ZERO:
        return f"a division by {least:.4g}, which is nearly 0"
    return ""


_NEAR_ZERO: Final = 1e-6


def _power(x: Array, y: Array) -> str:
    negative = (x < 0) & (y != np.round(y))
    if negative.any():
        i = int(np.flatnonzero(negative)[0])
        return f"a negative number to the power of a fraction: {x[i]:.4g} ** {y[i]:.4g}"
    zero = (x == 0) & (y < 0)
    if zero.any():
        i = int(np.flatnonzero(zero)[0])
        return f"a division by 0: 0 ** {y[i]:.4g}"
    return ""


_DOMAINS: Final[Mapping[str, Callable[..., str]]] = {
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "divide": _divide,
    "floor_divide": _divide,
    "remainder": _divide,
    "power": _power,
}
_EXPONENTIALS: Final = frozenset({"exp", "expm1"})


# --- behind it ------------------------------------------------------------------------


def likely(value: Value, story: Story, *, counts: bool = False) -> list[str]:
    """What made numbers so large, as far as it can be seen; the surest cause first.

    `counts`: whole numbers in X are amounts too, rather than the indices of something.
    """
    grown = _grown(story)
    if not grown and _layer(value) == OPTIMIZER:
        grown = f"{_rate(story)} is too high: one step takes the weights beyond bounds"
    kinds = "fiu" if counts else "f"
    found = [_unscaled(story.data, kinds), grown, _large_from_the_start(story)]
    return [words for words in found if words]


def _layer(value: Value) -> str:
    return value.location.layer if value.location is not None else ""


def _rate(story: Story) -> str:
    if story.learning_rate is None:
        return "the learning rate"
    return f"the learning rate {story.learning_rate:.4g}"


def _unscaled(data: Rows, kinds: str) -> str:
    """Columns of X, or else y, that are much larger than what networks learn from."""
    X = _as_columns(data.X, kinds)
    if X is None:
        return ""
    # Without an array as large as X, which may be most of what there is room for.
    reach = np.maximum(np.abs(X.max(axis=0) * 1.0), np.abs(X.min(axis=0) * 1.0))
    middle = float(np.sort(reach)[(len(reach) - 1) // 2])
    apart = reach > max(_LARGE, _APART * middle if len(reach) > 1 else 0.0)
    if apart.any():
        worst = np.flatnonzero(apart)
        worst = worst[np.argsort(-reach[worst], kind="stable")]
        return f"{_columns(data, X, worst.tolist())}{_others(apart, middle)}: scale it"
    if middle > _LARGE:
        return f"{data.name} lies {_between(X)}: scale it, column by column"
    y = _as_columns(data.y, "f")
    if y is not None and max(y.max(), -y.min()) > _LARGE:
        return f"y lies {_between(y)}: scale it"
    return ""


def _as_columns(x: Array, kinds: str) -> Array | None:
    """An array as rows of numbers; `None` where it holds labels, or nothing."""
    if x.dtype.kind not in kinds or not x.size or x.ndim > 2:
        return None
    return x.reshape(len(x), -1)


def _columns(data: Rows, X: Array, which: Sequence[int]) -> str:
    named = [f"{_column_name(data, j)} lies {_between(X[:, j])}" for j in which[:_MOST]]
    more = len(which) - len(named)
    return ", ".join(named) + (f", and {more} more like it" if more else "")


def _column_name(data: Rows, j: int) -> str:
    if data.columns is None:
        return f"column {j} of {data.name}"
    return f"column {data.columns[j]!r}"


def _others(apart: Array, middle: float) -> str:
    if len(apart) == 1:
        return ""
    return f", most other columns within {middle:.3g}"


def _between(x: Array) -> str:
    return f"between {x.min():.4g} and {x.max():.4g}"


def _grown(story: Story) -> str:
    """Weights and losses that have grown by orders of magnitude."""
    ratios = {
        name: now / max(story.start[name], 1.0)
        for name, now in story.now.items()
        if name in story.start
    }
    worst = max(ratios, key=ratios.__getitem__, default=None)
    rising = _rising(story.losses)
    grown = worst is not None and ratios[worst] > _GROWN
    if not story.steps or not (grown or rising):
        return ""
    seen = []
    if grown and worst is not None:
        seen.append(
            f"the weights of {worst} grew from {story.start[worst]:.3g} to "
            f"{story.now[worst]:.3g} in {story.steps} steps"
        )
    if rising:
        last = ", ".join(f"{loss:.3g}" for loss in story.losses[-_MOST:])
        seen.append(f"the last losses were {last}")
    return f"{_rate(story)} is too high: {'; '.join(seen)}"


def _rising(losses: Sequence[float]) -> bool:
    if len(losses) < 2:
        return False
    return losses[-1] > _GROWN * max(min(losses), 1e-30)


def _large_from_the_start(story: Story) -> str:
    for name, largest in story.start.items():
        if largest > _LARGE:
            return f"the weights of {name} go up to {largest:.3g} from the start"
    return ""


def reach(parameters: Mapping[str, Any]) -> dict[str, float]:
    """The largest weight of each parameter, whatever its sign."""
    return {
        name: _largest(parameter.data)
        for name, parameter in parameters.items()
        if parameter.dtype.kind == "f"
    }
