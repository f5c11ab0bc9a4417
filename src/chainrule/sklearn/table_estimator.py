"""What `TableClassifier` and `TableRegressor` share: everything but what `y` means."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, assert_all_finite, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    column_or_1d,
    validate_data,
)

from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.sklearn.table_looking import InspectableTable, mean_row
from chainrule.tables import read_table
from chainrule.tables.errors import rows
from chainrule.tabular.learning import TableCallback
from chainrule.tabular.network import Architecture
from chainrule.tabular.problem import Problem
from chainrule.tabular.train import train_table
from chainrule.training.history import History
from chainrule.training.program import predict

__all__ = ["Given", "TableEstimator", "weights_of"]

# `X_val`, `y_val`, `sample_weight_val`.
Given: TypeAlias = tuple[Any, Any, Any]

# The parameters that are options of `train_table` of the same name.
_TRAINING = (
    *("hidden", "activation", "normalization", "dropout", "epochs", "max_time"),
    *("batch_size", "optimizer", "lr", "schedule", "clip_norm", "weight_decay"),
    *("validation", "patience", "kinds", "drop", "scaling", "max_categories"),
    *("min_count", "embed", "target_transform"),
)
_ANY = {"dtype": None, "ensure_all_finite": False}


class TableEstimator(InspectableTable, BaseEstimator):
    """A network that learns from a table, with the interface of scikit-learn."""

    n_iter_: int
    n_features_in_: int

    def __init__(
        self,
        hidden: Collection[int] = (64, 64),
        *,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        epochs: int = 200,
        max_time: float | None = None,
        batch_size: int | None = None,
        optimizer: str = "adamw",
        lr: float | None = None,
        schedule: str = "constant",
        clip_norm: float | None = None,
        weight_decay: float | None = None,
        validation: float = 0.15,
        patience: int | None = 20,
        kinds: Mapping[str, str] | None = None,
        drop: Collection[str] = (),
        scaling: str | Mapping[str, str] = "standard",
        max_categories: int = 50,
        min_count: int | None = None,
        embed: bool | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.epochs = epochs
        self.max_time = max_time
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.validation = validation
        self.patience = patience
        self.kinds = kinds
        self.drop = drop
        self.scaling = scaling
        self.max_categories = max_categories
        self.min_count = min_count
        self.embed = embed
        self.random_state = random_state

    @property
    def history_(self) -> History:
        """What happened in training, by epoch."""
        return self.run_.history

    @property
    def influence_(self) -> dict[str, float]:
        """How much the loss on held-out rows grows when a column is shuffled."""
        return {found.column: found.increase for found in self.run_.influence}

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags

    @abstractmethod
    def _held_targets(self, y: Array) -> Array:
        """The targets of validation rows as the table has them."""

    def _check_problem(self, problem: Problem) -> None:
        """Raise `ValueError` where what is asked cannot be learnt from these rows."""

    def _learn(
        self,
        X: Any,
        y: Any,
        targets: Array,
        weights: Array | None,
        held: Given,
        **options: Any,
    ) -> Problem:
        """Train on the rows of `X`, with the targets as one more column beside them.

        Gives the problem that was learnt.
        """
        table = self._table(X, y=y, reset=True)
        if table.num_rows != len(targets):
            raise ValueError(
                f"X and y have inconsistent numbers of samples: {table.num_rows} and "
                f"{len(targets)}"
            )
        if table.num_rows == 1:
            raise ValueError("X has 1 sample, and that is not enough to learn from")
        name = _name(y)
        while name in table.column_names:
            name += "_"
        settings = {n: getattr(self, n) for n in _TRAINING if hasattr(self, n)}
        watcher = _Watcher(self._check_problem)
        self.run_ = train_table(
            table.append_column(name, pa.array(targets)),
            name,
            test=0,
            sample_weight=weights,
            seed=_seed(self.random_state),
            callbacks=[watcher],
            command=f"{type(self).__name__}.fit",
            **{**settings, **self._held(name, *held), **options},
        )
        self.n_iter_ = len(self.run_.history)
        self._mean_row = mean_row(self.run_.net, watcher.problem.train)
        return watcher.problem

    def _held(
        self, name: str, X_val: Any, y_val: Any, sample_weight: Any
    ) -> dict[str, Any]:
        """The validation rows that the user gave, as options of `train_table`."""
        if X_val is None:
            lone = {"y_val": y_val, "sample_weight_val": sample_weight}
            for argument, given in lone.items():
                if given is not None:
                    raise ValueError(f"{argument} needs X_val: the rows that it is of")
            return {}
        if y_val is None:
            raise ValueError("X_val needs y_val: what is true of these rows")
        targets = self._held_targets(self._target_column(y_val))
        weights = weights_of(targets, sample_weight)
        table = self._table(X_val, reset=False)
        if table.num_rows != len(targets):
            raise ValueError(
                f"X_val and y_val have inconsistent numbers of samples: "
                f"{table.num_rows} and {len(targets)}"
            )
        return {
            "validation": table.append_column(name, pa.array(targets)),
            "validation_weight": weights,
        }

    def _outputs(self, X: Any, net: Module | None = None) -> Array:
        """What the network gives for each row."""
        x = self._encoded(X)
        return predict(self.run_.net if net is None else net, x)

    def _table(self, X: Any, *, reset: bool, y: Any = "no_validation") -> pa.Table:
        """Read `X`, and note the names of its columns, or compare them."""
        if hasattr(X, "tocsr"):
            raise TypeError(
                f"a sparse {type(X).__name__} is no table: make it dense with "
                ".toarray()"
            )
        if isinstance(X, np.ndarray) or not hasattr(X, "columns"):
            X = X if _holds_columns(X) else check_array(X, **_ANY)
        table = read_table(X)
        named = X if hasattr(X, "columns") or isinstance(X, np.ndarray) else table
        validate_data(self, named, y, reset=reset, skip_check_array=True)
        if reset:
            self._columns = table.column_names
        # An array has the columns in the order in which a frame had them in training.
        return table.rename_columns(self._columns)

    def _target_column(self, y: Any) -> Array:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None"
            )
        if hasattr(y, "to_numpy") and not hasattr(y, "dtypes"):
            y = y.to_numpy()
        column: Array = column_or_1d(y, warn=True)
        if column.dtype.kind == "O":
            gaps = [row for row, label in enumerate(column) if label is None]
            if gaps:
                raise ValueError(f"Input y contains NaN or None ({rows(gaps)})")
        if not len(column):
            raise ValueError("y has no entries: there are no rows to learn from")
        assert_all_finite(column, input_name="y")
        return column


class _Watcher(TableCallback):
    """Keeps the rows that are learnt from, once they have passed a check."""

    looks = False
    problem: Problem

    def __init__(self, check: Callable[[Problem], None]) -> None:
        self.check = check

    def on_table(
        self, problem: Problem, architecture: Architecture, net: Module
    ) -> None:
        """Check and keep them."""
        del architecture, net
        self.check(problem)
        self.problem = problem


def weights_of(targets: Array, sample_weight: Any) -> Array | None:
    """What each row counts, if they do not count alike."""
    if sample_weight is None:
        return None
    weights: Array = _check_sample_weight(
        sample_weight, targets, dtype=np.float64, ensure_non_negative=True
    )
    return weights


def _holds_columns(X: Any) -> bool:
    """Whether a dict, a list of dicts or the like says what its columns are called."""
    if isinstance(X, np.ndarray):
        return X.dtype.names is not None
    if isinstance(X, (list, tuple)):
        return bool(X) and all(isinstance(row, Mapping) for row in X)
    return isinstance(X, Mapping) or type(X).__module__.startswith("pyarrow")


def _name(y: Any) -> str:
    """What the target is called in messages."""
    return str(getattr(y, "name", None) or "y")


def _seed(random_state: Any) -> int:
    """A seed as it is; one drawn from anything else."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
