"""Which inputs made an output what it is: `explain`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from chainrule.compile import compile
from chainrule.insight.batches import BATCH, Of, evaluated, inputs, without_nan
from chainrule.insight.gradients import Output, Slope, chosen_outputs, slope_of
from chainrule.insight.text import table
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tensor import Tensor

Method: TypeAlias = Literal["integrated_gradients", "gradient_x_input"]
Baseline: TypeAlias = Literal["mean"] | ArrayLike

_NAMES = {
    "integrated_gradients": "integrated gradients",
    "gradient_x_input": "gradient x input",
}
_SHOWN = 10  # columns in what is printed
_BAR = 20  # characters


@dataclass(frozen=True, eq=False)
class RowExplanation:
    """Why one row has its output: what each input adds to that of the baseline.

    `attributions` has a number for each of the `columns`, whose `inputs` the row has.
    """

    row: int
    output: int
    base: float
    value: float
    columns: tuple[str, ...]
    inputs: Array
    attributions: Array

    @property
    def gap(self) -> float:
        """`value - base - sum of attributions`: what is left unexplained."""
        return float(self.value - self.base - self.attributions.sum())

    def top(self, k: int = _SHOWN) -> list[tuple[str, float]]:
        """The `k` columns that matter most here, and what they add."""
        order = np.argsort(-np.abs(self.attributions), kind="stable")[:k]
        return [(self.columns[i], float(self.attributions[i])) for i in order]

    def __repr__(self) -> str:
        order = np.argsort(-np.abs(self.attributions), kind="stable")
        lines = [
            (self.columns[i], _shown(self.inputs[i]), f"{self.attributions[i]:+.4g}")
            for i in order[:_SHOWN]
        ]
        if len(order) > _SHOWN:
            rest = self.attributions[order[_SHOWN:]].sum()
            lines.append((f"{len(order) - _SHOWN} others", "", f"{rest:+.4g}"))
        lines.append(("unexplained", "", f"{self.gap:+.1g}"))
        head = (
            f"row {self.row}: output {self.output} is {self.value:.4g}, and "
            f"{self.base:.4g} at the baseline"
        )
        return "\n".join([head, *table([("column", "input", "adds"), *lines])])


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each input of each row adds to the output of the baseline.

    - `attributions` has the shape of the inputs, `X`.
    - `outputs`, of shape `(B,)`, says which output of each row it is about.
    - `base` and `values`, of shape `(B,)`: that output for the baseline and the row.
    - `gaps`, of shape `(B,)`: `values - base - sum of attributions`, how much is left
      unexplained. For integrated gradients it is the error of the quadrature.

    Printed, it shows the columns that matter most over all rows; `row(i)` is one row.
    """

    method: Method
    of: Of
    columns: tuple[str, ...]
    X: Array
    attributions: Array
    outputs: Array
    base: Array
    values: Array

    @property
    def gaps(self) -> Array:
        """Of each row, what the attributions leave unexplained."""
        sums = self._table().sum(axis=1)
        return np.asarray(self.values - self.base - sums)

    def mean_abs(self) -> Array:
        """`mean over rows of |attribution|`, of the shape of one row."""
        return np.asarray(np.abs(self.attributions).mean(axis=0))

    def top(self, k: int = _SHOWN) -> list[tuple[str, float]]:
        """The `k` columns that matter most over all rows, and their `mean_abs`."""
        size = self.mean_abs().ravel()
        order = np.argsort(-size, kind="stable")[:k]
        return [(self.columns[i], float(size[i])) for i in order]

    def grouped(self, groups: Mapping[str, Sequence[int]]) -> "Explanation":
        """What several inputs add together, such as those that encode one category.

        `groups` names them, by their numbers. What is in no group is left out, and is
        among the `gaps`.
        """
        flat, table_ = self.X.reshape(len(self), -1), self._table()
        sums = [table_[:, list(at)].sum(axis=1) for at in groups.values()]
        # There is no one input where there are several.
        alone = [
            flat[:, at[0]] if len(at) == 1 else np.full(len(self), np.nan)
            for at in groups.values()
        ]
        shape = (len(groups), len(self))
        return replace(
            self,
            columns=tuple(groups),
            X=np.reshape(alone, shape).T,
            attributions=np.reshape(sums, shape).T,
        )

    def row(self, i: int) -> RowExplanation:
        """The explanation of row `i`."""
        return RowExplanation(
            range(len(self))[i],
            int(self.outputs[i]),
            float(self.base[i]),
            float(self.values[i]),
            self.columns,
            self.X[i].ravel(),
            self._table()[i],
        )

    def __len__(self) -> int:
        return len(self.attributions)

    def _table(self) -> Array:
        return self.attributions.reshape(len(self), -1)

    def __repr__(self) -> str:
        top = self.top()
        most = max((size for _, size in top), default=0.0) or 1.0
        lines = [
            (name, f"{size:.4g}", "#" * round(_BAR * size / most)) for name, size in top
        ]
        if len(self.columns) > len(top):
            lines.append((f"{len(self.columns) - len(top)} others", "", ""))
        what = "the probability" if self.of == "probability" else "the output"
        head = f"what adds to {what} of {len(self)} rows, by {_NAMES[self.method]}"
        gap = np.abs(self.gaps).max(initial=0)
        foot = f"of each output, at most {gap:.1g} is left unexplained"
        shown = table([("column", "mean |adds|", ""), *lines])
        return "\n".join([head, *shown, foot])


def explain(
    net: Module,
    X: Any,
    method: Method = "integrated_gradients",
    *,
    baseline: Baseline = 0.0,
    output: Output = None,
    of: Of = "output",
    steps: int = 64,
    columns: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> Explanation:
    """What each input adds to an output, compared with a `baseline`.

    `"integrated_gradients"`, of an output `F` of the row `x` and the baseline `b`:

    `a_j = (x_j - b_j) * integral over t from 0 to 1 of dF/dx_j(b + t (x - b)) dt`

    They add up to `F(x) - F(b)`, and are 0 for inputs on which `F` does not depend:
    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks",
    equation 1. The integral is a Gauss-Legendre sum of `steps` gradients, exact where
    the gradient is a polynomial of up to degree `2 steps - 1` along the way; with ReLUs
    it has corners, and the error falls as `1 / steps`. What it leaves is in `gaps`.

    `"gradient_x_input"` is `a_j = (x_j - b_j) dF/dx_j(x)`: one gradient, and exact
    where the network is linear.

    - `X` has shape `(B, ...)`; `columns` says what its columns are called, and a data
      frame says so itself.
    - `baseline` is what a row is compared with: a number, a row, one row for each of
      `X`, or `"mean"`, the mean of the rows. The default of 0 is the mean row where the
      columns were standardised.
    - `output` and `of` are those of `input_gradients`: by default the largest output of
      each row.

    Raises what `input_gradients` raises, and `ValueError` for a baseline that has not
    the shape of a row.

    >>> import chainrule as cr
    >>> net = cr.nn.Dense(3, 1, W_init="ones")
    >>> cr.insight.explain(net, [[1.0, -2.0, 0.0]]).attributions
    array([[ 1., -2.,  0.]])
    """
    given = inputs(net, X, columns)
    x = given.X.astype(given.dtype, copy=False)
    start = _baseline(baseline, x)
    index = chosen_outputs(net, x, output)
    slope = compile(slope_of(net, of))
    if method == "integrated_gradients":
        positions, weights = _quadrature(steps)
    elif method == "gradient_x_input":
        positions, weights = np.ones(1), np.ones(1)
    else:
        raise ValueError(f"method={method!r} has to be one of {', '.join(_NAMES)}")
    along = compile(_along(slope))
    total = np.zeros(x.shape)
    for t, weight in zip(positions, weights, strict=True):
        parts = [x, start, index]
        (dx,) = evaluated(net, along, parts, t.astype(x.dtype), batch_size=batch_size)
        total += weight * dx
    ends = [
        evaluated(net, slope, [at, index], batch_size=batch_size)[0].astype(np.float64)
        for at in (start, x)
    ]
    return Explanation(
        method,
        of,
        _column_names(given.columns, x),
        x,
        without_nan("attribution", (x.astype(np.float64) - start) * total),
        index,
        *ends,
    )


def _shown(cell: Any) -> str:
    """A number, or the cell of a table; nothing where there are several numbers."""
    if isinstance(cell, (float, np.floating)):
        return "" if np.isnan(cell) else f"{cell:.4g}"
    return "missing" if cell is None else str(cell)


def _along(slope: Slope) -> Any:
    """The gradient at a share `t` of the way from the baseline to the row."""

    def along(x: Tensor, start: Tensor, index: Tensor, t: Tensor) -> tuple[Tensor]:
        return (slope(start + (x - start) * t, index)[1],)

    return along


def _quadrature(steps: int) -> tuple[Array, Array]:
    """Positions in [0, 1] and weights of the Gauss-Legendre sum."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps={steps!r} has to be a whole number of at least 1")
    positions, weights = np.polynomial.legendre.leggauss(int(steps))
    return (positions + 1) / 2, weights / 2


def _baseline(baseline: Baseline, x: Array) -> Array:
    if isinstance(baseline, str):
        if baseline != "mean":
            raise ValueError(f"baseline={baseline!r} has to be 'mean', or numbers")
        start = x.mean(axis=0, dtype=np.float64)
    else:
        start = np.asarray(baseline, np.float64)
    if start.shape not in ((), x.shape[1:], x.shape):
        raise ValueError(
            f"the baseline has shape {start.shape}; it has to be one number, a row of "
            f"shape {x.shape[1:]}, or one for each of the {len(x)} rows"
        )
    if not np.isfinite(start).all():
        raise ValueError("the baseline has numbers that are NaN or infinite")
    return np.ascontiguousarray(np.broadcast_to(start, x.shape).astype(x.dtype))


def _column_names(names: Any, x: Array) -> tuple[str, ...]:
    if names is not None:
        return tuple(names)
    if x.ndim == 2:
        return tuple(f"x{j}" for j in range(x.shape[1]))
    return tuple(f"x[{', '.join(map(str, at))}]" for at in np.ndindex(x.shape[1:]))
