"""What an estimator of tables can tell besides predictions, column by column."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from chainrule import nn
from chainrule.insight import Explanation
from chainrule.insight.attribution import Method
from chainrule.insight.batches import Of
from chainrule.ir import Array
from chainrule.nn import EmbedColumns
from chainrule.sklearn.asking import Asked, Scoring, Shuffling
from chainrule.tables import TableWarning
from chainrule.tables.targets import NumberTarget
from chainrule.tabular.problem import Part
from chainrule.tabular.run import TableRun
from chainrule.training.program import predict

__all__ = ["EncodedRows", "InspectableTable", "TableBaseline", "mean_row"]

# `"training"`, `"mean"`, or rows of a table; a row may be a dict of cells.
TableBaseline: TypeAlias = Literal["training", "mean"] | Any


@dataclass(frozen=True)
class EncodedRows:
    """Rows of a table as the network takes them, in place of the table."""

    X: Array

    def __len__(self) -> int:
        return len(self.X)


class InspectableTable(Asked):
    """An estimator that can be asked why, and whose inputs are made from a table.

    What it tells is of the columns of the table, each with all the inputs that it
    became: of a category there may be many. See `Asked` for which output is meant. With
    `target_transform`, `of="output"` means the transformed number, such as `log(1 + y)`
    for `"log1p"`: what a column adds to is what it is added in.
    """

    run_: TableRun
    _columns: list[str]
    _mean_row: Array

    @abstractmethod
    def _table(self, X: Any, *, reset: bool) -> pa.Table:
        """The table that `X` is, checked."""

    @abstractmethod
    def _target_column(self, y: Any) -> Array:
        """The targets as a flat array without gaps."""

    def to_network(self) -> nn.Sequential:
        """A copy of the network, from the encoded inputs of a row to what it gives.

        `run_.encoder.transform` makes the inputs. The outputs are logits, with the
        calibration in them if there is one, or a standardised number.
        """
        check_is_fitted(self)
        net = self.run_.net
        if not isinstance(net, nn.Sequential):
            raise TypeError(f"a table's network is a Sequential, not {net!r}")
        return copy.deepcopy(net)

    def explain(
        self,
        X: Any,
        method: Method = "integrated_gradients",
        baseline: TableBaseline = "training",
        output: Any = None,
        of: Of = "output",
        *,
        steps: int = 64,
    ) -> Explanation:
        """What each column of the table adds to an output, compared with a `baseline`.

        What a column adds is what its inputs add together: the number and whether it is
        missing, all categories, the features that were learned of them, the parts of a
        date. Of each row, columns add up to the output less that of the baseline, but
        for the `gaps`; a regression's are in units of the target. Columns that were
        left out in training add 0. `attributions` has the shape of the table, and `X`
        has its cells.

        Args:
            X: rows as `predict` takes them.
            method: see `chainrule.insight.explain`, as for `steps`.
            baseline: what a row is compared with. `"training"` is the mean row that was
                trained on, in which each number is the mean, each category has its
                share, and nothing is more or less missing than usual. `"mean"` is that
                of the rows of `X`. Or rows of a table, such as a data frame or a dict:
                their mean, or the only one.
            output: which output is meant: see the class.
            of: likewise.
            steps: how many gradients are summed up.

        Raises `ValueError` for what is no baseline, and what `predict` raises.

        >>> from chainrule.sklearn import TableRegressor
        >>> X = {"size": list(range(100)), "town": ["Ulm", "Bonn"] * 50}
        >>> y = [2 * size + 50 * (size % 2) for size in range(100)]
        >>> reg = TableRegressor((), lr=0.05, random_state=0).fit(X, y)
        >>> home = {"size": 90, "town": "Ulm"}
        >>> reg.explain([home], baseline={"size": 50, "town": "Ulm"}).row(0).top()[0][0]
        'size'
        """
        table = self._table_of(X)
        embed, rest = _parted(self.to_network())
        start = self._start(baseline, embed)
        found = self._explained(
            rest,
            _features(embed, self.run_.encoder.transform(table)),
            output,
            of,
            method=method,
            baseline=start,
            steps=steps,
        )
        found = found.grouped(self._groups(embed))
        goal = self.run_.encoder.goal
        if isinstance(goal, NumberTarget):
            found = replace(
                found,
                attributions=goal.sd * found.attributions,
                base=goal.sd * found.base + goal.mean,
                values=goal.sd * found.values + goal.mean,
            )
        return replace(found, X=_cells(table))

    # --- rows ---------------------------------------------------------------------

    def _table_of(self, X: Any) -> pa.Table:
        check_is_fitted(self)
        return self._table(X, reset=False)

    def _encoded(self, X: Any) -> Array:
        """The inputs of the network for each row."""
        if isinstance(X, EncodedRows):
            return X.X
        table = self._table_of(X)
        inputs: Array = self.run_.encoder.transform(table)
        return inputs

    def _labelled(self, X: Any, y: Any) -> tuple[Array, Array]:
        x, targets = self._encoded(X), self._target_column(y)
        check_consistent_length(x, targets)
        return x, targets

    def _numbers(self, y: Array) -> Array:
        encoder = self.run_.encoder
        z: Array = encoder.target({encoder.goal.name: y})
        return z.astype(np.float64)[:, None]

    def _loss_of_rows(self) -> Any:
        number = isinstance(self.run_.encoder.goal, NumberTarget)
        return "squared" if number else super()._loss_of_rows()

    # --- columns ------------------------------------------------------------------

    def _groups(self, embed: EmbedColumns | None) -> dict[str, list[int]]:
        """Which features each column of the table became, none if it was left out."""
        encoder = self.run_.encoder
        sources = range(len(encoder.inputs)) if embed is None else embed.sources
        return {
            column: [
                feature
                for feature, source in enumerate(sources)
                if source in encoder.groups.get(column, ())
            ]
            for column in self._columns
        }

    def _shuffling(self, X: Any, scoring: Scoring) -> Shuffling:
        table = self._table_of(X)
        x = self.run_.encoder.transform(table)
        if callable(scoring) and not isinstance(scoring, _BaseScorer):
            # It may look at the columns itself: at those of a frame like `X`.
            rows, columns = table.num_rows, self._columns
            numbers = np.repeat(np.arange(rows)[:, None], len(columns), axis=1)
            return Shuffling(numbers, _taken(X, table), columns, told=(TableWarning,))
        groups = self.run_.encoder.groups
        by_column = {column: groups.get(column, ()) for column in self._columns}
        return Shuffling(x, EncodedRows, groups=by_column)

    def _start(self, baseline: TableBaseline, embed: EmbedColumns | None) -> Any:
        """What rows are compared with, as `chainrule.insight.explain` takes it."""
        if baseline is None or np.isscalar(baseline):
            if baseline == "training":
                return self._mean_row
            if baseline == "mean":
                return baseline
            raise ValueError(
                f"baseline={baseline!r} has to be 'training', 'mean', or rows of a "
                "table"
            )
        x = self._encoded(_as_rows(baseline))
        return _features(embed, x).mean(axis=0, dtype=np.float64)


def mean_row(net: nn.Module, part: Part) -> Array:
    """The mean of the rows, in what `explain` takes as inputs; float64.

    Rows count as they do in training, whatever their class.
    """
    embed, _ = _parted(net)
    x = _features(embed, part.X)
    if part.counts is None:
        return np.asarray(x.mean(axis=0, dtype=np.float64))
    return np.asarray(np.einsum("i,ij->j", part.counts, x) / part.counts.sum())


def _parted(net: nn.Module) -> tuple[EmbedColumns | None, nn.Sequential]:
    """The layer that embeds categories, if there is one, and those after it.

    A category has no slope by its number, but by its features.
    """
    if not isinstance(net, nn.Sequential):
        raise TypeError(f"a table's network is a Sequential, not {net!r}")
    first = net[0]
    return (first, net[1:]) if isinstance(first, EmbedColumns) else (None, net)


def _features(embed: EmbedColumns | None, x: Array) -> Array:
    return x if embed is None else predict(embed, x)


def _cells(table: pa.Table) -> Array:
    """The cells as they are in the table, `None` where one is missing."""
    cells = np.empty((table.num_rows, table.num_columns), object)
    for j, column in enumerate(table.columns):
        cells[:, j] = column.to_pylist()
    return cells


def _as_rows(given: Any) -> Any:
    """A row that is a dict, a series or a flat array as a table of one row."""
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.names is None:
        return given[None]
    if not isinstance(given, Mapping) and not hasattr(given, "columns"):
        given = given.to_dict() if hasattr(given, "to_dict") else given
    if isinstance(given, Mapping):
        single = all(isinstance(c, str) or np.ndim(c) == 0 for c in given.values())
        return [dict(given)] if single else given
    return given


def _taken(X: Any, table: pa.Table) -> Callable[[Array], Any]:
    """A function of row numbers `(n, columns)`: the table of the cells of these rows.

    Its kind is that of `X`, or Arrow's where that is no data frame.
    """
    if isinstance(X, np.ndarray) and X.dtype.names is None:
        return lambda rows: X[rows, np.arange(X.shape[1])]
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        frame = nw.from_native(table, eager_only=True)

    def taken(rows: Array) -> Any:
        columns = enumerate(frame.iter_columns())
        shuffled = [column[rows[:, j].tolist()] for j, column in columns]
        return frame.with_columns(*shuffled).to_native()

    return taken
