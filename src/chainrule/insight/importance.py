"""Which columns a model leans on: `permutation_importances`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.compile import compile
from chainrule.insight.batches import evaluated, inputs
from chainrule.insight.text import table
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.training.scores import Score, scores
from chainrule.training.scores import higher_is_better as known_direction

# `score(X, y)`, of which more is better.
ScoreOfRows: TypeAlias = Callable[[Array, Array], float]

_SHOWN = 20  # columns in what is printed
_LEAST_ROWS = 200


@dataclass(frozen=True, eq=False)
class Importances:
    """How much worse a model is without what each column says.

    - `score` is the one of the rows as they are, `metric` what it is called.
    - `drops`, of shape `(columns, repeats)`: how much worse it is in each repeat.
    - `means` and `deviations`, of shape `(columns,)`: of those the mean, and the
      standard deviation, divided by `repeats - 1`.
    """

    columns: tuple[str, ...]
    score: float
    drops: Array
    metric: str = "score"

    @property
    def means(self) -> Array:
        """The mean of the repeats, by column."""
        return np.asarray(self.drops.mean(axis=1))

    @property
    def deviations(self) -> Array:
        """The standard deviation among the repeats, by column; 0 of one alone."""
        if self.drops.shape[1] == 1:
            return np.zeros(len(self.drops))
        return np.asarray(self.drops.std(axis=1, ddof=1))

    def top(self, k: int = _SHOWN) -> list[tuple[str, float]]:
        """The `k` columns that are missed most, and how much worse it is without."""
        order = np.argsort(-self.means, kind="stable")[:k]
        return [(self.columns[i], float(self.means[i])) for i in order]

    def __repr__(self) -> str:
        order = np.argsort(-self.means, kind="stable")
        shown = [
            (self.columns[i], f"{self.means[i]:.4g}", f"± {self.deviations[i]:.2g}")
            for i in order[:_SHOWN]
        ]
        if len(order) > _SHOWN:
            shown.append((f"{len(order) - _SHOWN} others", "", ""))
        head = f"{self.metric} {self.score:.4g}, and so much worse without the column"
        return "\n".join([head, *table([("column", "worse by", ""), *shown])])


def permutation_importances(
    model: Module | ScoreOfRows,
    X: Any,
    y: Any,
    metric: str | Score | None = None,
    *,
    groups: Mapping[str, Sequence[int]] | None = None,
    columns: Sequence[str] | None = None,
    higher_is_better: bool | None = None,
    repeats: int = 5,
    seed: int = 0,
    work: int | None = None,
) -> Importances:
    """How much worse `model` is when a column is shuffled among the rows.

    `drop[c, r] = score(X, y) - score(X with the columns of c shuffled, y)`: a column on
    which the model leans is missed when it says nothing about its row any more. Where
    two columns say the same, the model can lean on either, and shuffling one may cost
    little. Breiman 2001, "Random forests", section 10. Take rows that the model was not
    trained on: on others it also leans on what it has learnt by heart.

    - `model` is a network, with a `metric` that `cr.fit` knows: a name or a function of
      `(y, prediction)`. Or it is a function `(X, y) -> score` by itself, such as the
      method `score` of an estimator.
    - `X` has shape `(rows, columns)`; `columns` says what its columns are called, and a
      data frame says so itself.
    - `groups` names sets of columns, by their numbers, that are shuffled together, such
      as those into which a category was encoded; by default each is one of its own.
    - `higher_is_better` says which way is better, for functions where it is not known;
      a `model` that is a function has higher as better by default.
    - `repeats` is how often each is shuffled. The same `seed` gives the same answer.
    - `work` is how many rows may be predicted in all: a table that needs more is first
      subsampled, to no fewer than 200 rows.

    Raises `ValueError` for groups with columns that `X` does not have, and for a score
    that is not finite.

    >>> import chainrule as cr
    >>> net = cr.nn.Dense(2, 1)
    >>> net.W.assign([[1.0], [0.0]])
    >>> X = [[1.0, 3.0], [2.0, 1.0], [3.0, 2.0], [4.0, 4.0]]
    >>> found = cr.insight.permutation_importances(net, X, [1, 2, 3, 4], "mae")
    >>> dict(zip(found.columns, found.means.tolist()))
    {'x0': 1.2, 'x1': 0.0}
    """
    rows, score, name, higher = _scoring(model, X, metric, higher_is_better)
    truth = np.asarray(y)
    if groups is None:
        groups = _each_alone(getattr(X, "columns", columns), rows)
    _check(rows, truth, groups, repeats)
    rng = np.random.default_rng(seed)
    if work is not None:
        rows, truth = _subsampled(
            rows, truth, work // (len(groups) * repeats or 1), rng
        )
    # The same shuffles for every column: their order does not change the answer.
    orders = [rng.permutation(len(rows)) for _ in range(repeats)]
    before = _finite(score(rows, truth), name)
    drops = np.zeros((len(groups), repeats))
    shuffled = rows.copy()
    for c, (column, positions) in enumerate(groups.items()):
        at = list(positions)
        for r, order in enumerate(orders if at else ()):
            shuffled[:, at] = rows[order[:, None], at]
            after = _finite(score(shuffled, truth), name, f" with {column!r} shuffled")
            drops[c, r] = before - after if higher else after - before
        shuffled[:, at] = rows[:, at]
    return Importances(tuple(map(str, groups)), before, drops, name)


def _scoring(
    model: Module | ScoreOfRows,
    X: Any,
    metric: str | Score | None,
    higher: bool | None,
) -> tuple[Array, ScoreOfRows, str, bool]:
    """The rows, their score, what it is called, and whether more of it is better."""
    if not isinstance(model, Module):
        if metric is not None:
            raise ValueError(
                "a metric is for networks; a model that is a function gives the score "
                "itself"
            )
        name = "loss" if higher is False else "score"
        return np.asarray(X), model, name, higher is not False
    if metric is None:
        raise ValueError('a network needs a metric, such as "accuracy" or "rmse"')
    ((name, measure),) = scores([metric]).items()
    known = known_direction(name) if isinstance(metric, str) else None
    if higher is None and known is None:
        raise ValueError(
            f"whether more of {name!r} is better cannot be known: say "
            "higher_is_better=True or False"
        )
    net, given = model, inputs(model, X)
    forward = compile(lambda x: (net(x),))

    def score(rows: Array, y: Array) -> float:
        (prediction,) = evaluated(net, forward, [rows])
        return float(measure(y, prediction))

    return given.parts[0], score, name, bool(known if higher is None else higher)


def _each_alone(names: Any, rows: Array) -> dict[str, list[int]]:
    """Every column by itself, under its name if it has one."""
    count = rows.shape[1] if rows.ndim == 2 else 0
    called = [f"x{j}" for j in range(count)] if names is None else list(map(str, names))
    if len(called) != count or len(set(called)) != count:
        raise ValueError(
            f"there are {len(set(called))} different names for {count} columns"
        )
    return {name: [j] for j, name in enumerate(called)}


def _subsampled(
    rows: Array, y: Array, most: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    count = max(_LEAST_ROWS, most)
    if len(rows) <= count:
        return rows, y
    chosen = np.sort(rng.choice(len(rows), count, replace=False))
    return rows[chosen], y[chosen]


def _check(
    X: Array, y: Array, groups: Mapping[str, Sequence[int]], repeats: int
) -> None:
    if X.ndim != 2 or len(X) == 0:
        raise ValueError(f"X must have shape (rows, inputs), not {X.shape}")
    if len(y) != len(X):
        raise ValueError(f"X has {len(X)} rows but y has {len(y)}")
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1; got {repeats}")
    for column, positions in groups.items():
        if any(not 0 <= at < X.shape[1] for at in positions):
            raise ValueError(
                f"column {column!r} has input positions {list(positions)},"
                f" but X has {X.shape[1]} inputs"
            )


def _finite(score: float, name: str, when: str = "") -> float:
    if not np.isfinite(score):
        raise ValueError(
            f"the {name} is {score}{when}: nothing can be compared with it"
        )
    return float(score)
