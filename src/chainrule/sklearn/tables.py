"""`TableClassifier` and `TableRegressor`: tables in, predictions out.

They are `chainrule.tabular.train_table` with the interface of scikit-learn: the same
reading, encoding, network, training and defaults.
"""

from collections.abc import Collection, Mapping
from typing import Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, assert_all_finite, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from chainrule.ir import Array
from chainrule.tables import read_table
from chainrule.tables.errors import rows
from chainrule.tabular.run import TableRun
from chainrule.tabular.train import train_table
from chainrule.training.history import History
from chainrule.training.program import predict
from chainrule.training.scores import probabilities

__all__ = ["TableClassifier", "TableRegressor"]


class _TableEstimator(BaseEstimator):
    """What the two have in common: everything but what `y` means."""

    run_: TableRun
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

    def _learn(
        self, X: Any, y: Any, targets: Array, weights: Array | None, **options: Any
    ) -> Self:
        """Train on the rows of `X`, with the targets as one more column beside them."""
        name = _name(y)
        table = self._table(X, y=y, reset=True)
        if table.num_rows != len(targets):
            raise ValueError(
                f"X and y have inconsistent numbers of samples: {table.num_rows} and "
                f"{len(targets)}"
            )
        if table.num_rows == 1:
            raise ValueError("X has 1 sample, and that is not enough to learn from")
        while name in table.column_names:
            name += "_"
        settings = {n: getattr(self, n) for n in _TRAINING if hasattr(self, n)}
        self.run_ = train_table(
            table.append_column(name, pa.array(targets)),
            name,
            test=0,
            sample_weight=weights,
            seed=_seed(self.random_state),
            command=f"{type(self).__name__}.fit",
            **{**settings, **options},
        )
        self.n_iter_ = len(self.run_.history)
        return self

    def _outputs(self, X: Any) -> Array:
        """What the network gives for each row."""
        check_is_fitted(self)
        table = self._table(X, reset=False)
        return predict(self.run_.net, self.run_.encoder.transform(table))

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


class TableClassifier(ClassifierMixin, _TableEstimator):
    """A network that says to which class a row of a table belongs.

    `X` is a data frame (pandas, polars, Arrow), a dict of columns or an array, as it
    is: text, categories, dates, true and false, and missing values are encoded as
    `chainrule.tables.Encoder` does. A share of the rows is held out to decide when to
    stop; the best weights are kept. Results are those of `train_table`.

    Args:
        hidden: the units of each hidden layer; none for logistic regression.
        activation: relu, leaky_relu, gelu, silu, elu, selu, tanh, sigmoid, softplus.
        normalization: `"batch"` or `"layer"`, of what goes into the activations.
        dropout: the share of hidden units left out in each step.
        epochs: how often to go through the training rows at most.
        max_time: begin no further epoch after so many seconds.
        batch_size: rows in each step; by default 16 to 256, by how many there are.
        optimizer: adamw, adam, sgd (with momentum 0.9), rmsprop, adagrad, lion, lbfgs.
        lr: the learning rate; by default that of the optimizer.
        schedule: how the learning rate changes: `"constant"`, `"cosine"`,
            `"one_cycle"` or `"plateau"`.
        clip_norm: the longest that the gradient of a step may be.
        weight_decay: how fast weights are drawn towards 0; by default, with adamw,
            500 / training rows, but at most 1.
        validation: the share of rows that decide when to stop; 0 for none.
        patience: how many epochs without a better validation loss to wait; `None` to
            go through all epochs.
        kinds: `"number"`, `"category"`, `"boolean"` or `"date"` for columns that would
            be misunderstood.
        drop: columns to leave out.
        scaling: of numbers: `"standard"`, `"robust"` or `"quantile"`; or by column.
        max_categories: how many categories of a column get an input of their own.
        min_count: the rows that a category needs not to be rare.
        embed: learn features of the categories of wider columns; by default where
            there is a hidden layer.
        class_weight: what a row of each class counts: by label, or `"balanced"`.
        random_state: a seed, or a `RandomState`: decides all that is random.

    After `fit` there are `classes_`, `n_iter_` (epochs), `n_features_in_`,
    `feature_names_in_`, `run_` (what `train_table` gives: `run_.save(folder)`),
    `history_` and `influence_`.

    >>> X = {"size": [1.0, 2.0, 8.0, 9.0] * 10, "wet": ["yes", "no", None, "no"] * 10}
    >>> clf = TableClassifier(hidden=(8,), epochs=60, random_state=0)
    >>> clf.fit(X, ["small", "small", "large", "large"] * 10)
    TableClassifier(epochs=60, hidden=(8,), random_state=0)
    >>> clf.predict({"size": [1.5, 9.5], "wet": ["no", None]})
    array(['small', 'large'], dtype='<U5')
    """

    classes_: Array

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
        class_weight: str | Mapping[Any, float] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            hidden,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            epochs=epochs,
            max_time=max_time,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            schedule=schedule,
            clip_norm=clip_norm,
            weight_decay=weight_decay,
            validation=validation,
            patience=patience,
            kinds=kinds,
            drop=drop,
            scaling=scaling,
            max_categories=max_categories,
            min_count=min_count,
            embed=embed,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on the rows of `X` and the class of each in `y`, labels of any type.

        `sample_weight` says what each row counts, in training, in the scales of numbers
        and for when to stop. A row of weight 0 is left out. Where all rows are one
        batch (`batch_size`, `validation=0`), `weight_decay` is given and `scaling` is
        `"standard"`, a weight of 2 is the same as to have the row twice.

        Raises `TableError`, a `ValueError`, where the table makes no sense, and
        `SettingError`, another, for settings that do not.
        """
        labels = _column(self, y)
        check_classification_targets(labels)
        weights = _weights(labels, sample_weight)
        self.classes_ = np.unique(labels if weights is None else labels[weights > 0])
        if len(self.classes_) < 2:
            only = "" if weights is None else ", where sample_weight is not 0"
            raise ValueError(
                f"{type(self).__name__} needs two classes at least, and y has 1 class"
                f"{only}: {self.classes_.tolist()[0]!r}"
            )
        # Rows of weight 0 are left out, whatever their class is called.
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        return self._learn(
            X,
            y,
            codes,
            weights,
            task="binary" if len(self.classes_) == 2 else "multiclass",
            class_weight=self._class_weight(),
        )

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, `(rows, classes)`, in their order."""
        p: Array = probabilities(self._outputs(X))
        return p

    def predict(self, X: Any) -> Array:
        """The most likely class of each row."""
        found = self.predict_proba(X).argmax(axis=1)
        labels: Array = self.classes_[found]
        return labels

    def _class_weight(self) -> str | dict[int, float] | None:
        """The weight of each class by its number, which is what the table holds."""
        if not isinstance(self.class_weight, Mapping):
            return self.class_weight
        numbers = {label: k for k, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in self.class_weight if label not in numbers]
        if unknown:
            raise ValueError(
                f"class_weight: there is no class {unknown[0]!r}; the classes are "
                f"{', '.join(map(repr, numbers))}"
            )
        return {numbers[label]: w for label, w in self.class_weight.items()}


class TableRegressor(RegressorMixin, _TableEstimator):
    """A network that predicts a number for a row of a table.

    As `TableClassifier`, with a target of numbers.

    Args:
        hidden: the units of each hidden layer; none for linear regression.
        activation: as of `TableClassifier`, and so are the arguments up to `embed`.
        normalization: likewise.
        dropout: likewise.
        epochs: likewise.
        max_time: likewise.
        batch_size: likewise.
        optimizer: likewise.
        lr: likewise.
        schedule: likewise.
        clip_norm: likewise.
        weight_decay: likewise.
        validation: likewise.
        patience: likewise.
        kinds: likewise.
        drop: likewise.
        scaling: likewise.
        max_categories: likewise.
        min_count: likewise.
        embed: likewise.
        target_transform: of a skewed target: `"log1p"`, `"yeo-johnson"`, `"quantile"`,
            or `"auto"` for what suits it; predictions are in its own units.
        random_state: a seed, or a `RandomState`.

    >>> X = {"size": list(range(100)), "town": ["Ulm", "Bonn"] * 50}
    >>> y = [2 * size + 50 * (size % 2) for size in range(100)]
    >>> reg = TableRegressor(random_state=0).fit(X, y)
    >>> bool(reg.score(X, y) > 0.98)
    True
    """

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
        target_transform: str = "none",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            hidden,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            epochs=epochs,
            max_time=max_time,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            schedule=schedule,
            clip_norm=clip_norm,
            weight_decay=weight_decay,
            validation=validation,
            patience=patience,
            kinds=kinds,
            drop=drop,
            scaling=scaling,
            max_categories=max_categories,
            min_count=min_count,
            embed=embed,
            random_state=random_state,
        )
        self.target_transform = target_transform

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on the rows of `X` and the number of each in `y`.

        `sample_weight` and errors are as there.
        """
        numbers = np.asarray(_column(self, y), np.float64)
        weights = _weights(numbers, sample_weight)
        return self._learn(X, y, numbers, weights, task="regression")

    def predict(self, X: Any) -> Array:
        """The number for each row, float64."""
        outputs = self._outputs(X)[:, 0]
        return self.run_.encoder.decode(outputs)


# The parameters that are options of `train_table` of the same name.
_TRAINING = (
    *("hidden", "activation", "normalization", "dropout", "epochs", "max_time"),
    *("batch_size", "optimizer", "lr", "schedule", "clip_norm", "weight_decay"),
    *("validation", "patience", "kinds", "drop", "scaling", "max_categories"),
    *("min_count", "embed", "target_transform"),
)
_ANY = {"dtype": None, "ensure_all_finite": False}


def _holds_columns(X: Any) -> bool:
    """Whether a dict, a list of dicts or the like says what its columns are called."""
    if isinstance(X, np.ndarray):
        return X.dtype.names is not None
    if isinstance(X, (list, tuple)):
        return bool(X) and all(isinstance(row, Mapping) for row in X)
    return isinstance(X, Mapping) or type(X).__module__.startswith("pyarrow")


def _column(estimator: BaseEstimator, y: Any) -> Array:
    """The targets as a flat array without gaps."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
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


def _weights(targets: Array, sample_weight: Any) -> Array | None:
    """What each row counts, if they do not count alike."""
    if sample_weight is None:
        return None
    weights: Array = _check_sample_weight(
        sample_weight, targets, dtype=np.float64, ensure_non_negative=True
    )
    return weights


def _name(y: Any) -> str:
    """What the target is called in messages."""
    return str(getattr(y, "name", None) or "y")


def _seed(random_state: Any) -> int:
    """A seed as it is; one drawn from anything else."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
