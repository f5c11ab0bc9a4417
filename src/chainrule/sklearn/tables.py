"""`TableClassifier` and `TableRegressor`: tables in, predictions out.

They are `chainrule.tabular.train_table` with the interface of scikit-learn: the same
reading, encoding, network, training and defaults.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from chainrule.insight import Calibration, calibrate_logits
from chainrule.ir import Array
from chainrule.nn import Dense, Module
from chainrule.sklearn.table_estimator import TableEstimator, weights_of
from chainrule.tabular.network import SettingError
from chainrule.tabular.problem import Part, Problem
from chainrule.training.program import predict
from chainrule.training.scores import probabilities

__all__ = ["TableClassifier", "TableRegressor"]

_CALIBRATIONS: Final = ("temperature", "vector")


class TableClassifier(ClassifierMixin, TableEstimator):
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
        calibrate: `"temperature"` or `"vector"`: once the network is trained, correct
            its logits on the rows that decided when to stop, so that probabilities come
            true (see `chainrule.insight.calibrate_logits`). They count as
            `sample_weight` says, without `class_weight`, so that `"vector"` undoes much
            of what that did.
        random_state: a seed, or a `RandomState`: decides all that is random.

    After `fit` there are `classes_`, `n_iter_` (epochs), `n_features_in_`,
    `feature_names_in_`, `run_` (what `train_table` gives: `run_.save(folder)`),
    `history_` and `influence_`. With `calibrate`, `calibration_` is what was found, a
    `chainrule.insight.Calibration`; `predict_proba`, `run_` and `to_network` have it in
    them. `predict` says the same as without it after `"temperature"`, and the class
    that is now the most likely after `"vector"`.

    >>> X = {"size": [1.0, 2.0, 8.0, 9.0] * 10, "wet": ["yes", "no", None, "no"] * 10}
    >>> clf = TableClassifier(hidden=(8,), epochs=60, random_state=0)
    >>> clf.fit(X, ["small", "small", "large", "large"] * 10)
    TableClassifier(epochs=60, hidden=(8,), random_state=0)
    >>> clf.predict({"size": [1.5, 9.5], "wet": ["no", None]})
    array(['small', 'large'], dtype='<U5')
    """

    classes_: Array
    calibration_: Calibration
    _deciding: Module | None  # the network that says which class, if not that of `run_`

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
        calibrate: str | None = None,
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
        self.calibrate = calibrate

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on the rows of `X` and the class of each in `y`, labels of any type.

        `sample_weight` says what each row counts, in training, in the scales of numbers
        and for when to stop. A row of weight 0 is left out. Where all rows are one
        batch (`batch_size`, `validation=0`), `weight_decay` is given and `scaling` is
        `"standard"`, a weight of 2 is the same as to have the row twice.

        `X_val`, `y_val` decide when to stop, if they are given, in place of a share of
        `X`, and `calibrate` uses them.

        Raises `TableError`, a `ValueError`, where the table makes no sense, and
        `SettingError`, another, for settings that do not.
        """
        if self.calibrate not in (None, *_CALIBRATIONS):
            raise SettingError(
                f"calibrate={self.calibrate!r} is not known; known are "
                f"{', '.join(_CALIBRATIONS)}"
            )
        labels = self._target_column(y)
        check_classification_targets(labels)
        weights = weights_of(labels, sample_weight)
        self.classes_ = np.unique(labels if weights is None else labels[weights > 0])
        if len(self.classes_) < 2:
            only = "" if weights is None else ", where sample_weight is not 0"
            raise ValueError(
                f"{type(self).__name__} needs two classes at least, and y has 1 class"
                f"{only}: {self.classes_.tolist()[0]!r}"
            )
        # Rows of weight 0 are left out, whatever their class is called.
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        problem = self._learn(
            X,
            y,
            codes,
            weights,
            (X_val, y_val, sample_weight_val),
            task="binary" if len(self.classes_) == 2 else "multiclass",
            class_weight=self._class_weight(),
        )
        self._calibrate(problem.validation)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, `(rows, classes)`, in their order."""
        p: Array = probabilities(self._outputs(X))
        return p

    def predict(self, X: Any) -> Array:
        """The most likely class of each row.

        A temperature leaves it as it is; with `calibrate="vector"` it is the most
        likely one by the calibrated probabilities, which may be another.
        """
        check_is_fitted(self)
        p = probabilities(self._outputs(X, self._deciding))
        labels: Array = self.classes_[p.argmax(axis=1)]
        return labels

    def _check_problem(self, problem: Problem) -> None:
        if self.calibrate is not None and problem.validation is None:
            raise SettingError(
                f"calibrate={self.calibrate!r} needs rows that are not trained on, and "
                f"validation={self.validation!r} gives none: make it more, or give "
                "X_val and y_val"
            )

    def _calibrate(self, held: Part | None) -> None:
        """Put into the network what makes its probabilities come true."""
        self.__dict__.pop("calibration_", None)
        self._deciding = None
        if self.calibrate is None or held is None:
            return
        learnt, net = self.run_.net, self.to_network()
        found = calibrate_logits(
            predict(learnt, held.X),
            held.y.ravel().astype(np.int64),
            "vector" if self.calibrate == "vector" else "temperature",
            sample_weight=held.counts,
        )
        layer = net["output"]
        if not isinstance(layer, Dense) or layer.b is None:
            raise TypeError(f"the last layer is no Dense with biases: {layer!r}")
        W, b = found.last_layer(layer.W.data, layer.b.data)
        layer.W.assign(W.astype(layer.W.dtype))
        layer.b.assign(b.astype(layer.b.dtype))
        settings = {**self.run_.settings, "calibrate": self.calibrate}
        self.run_ = replace(self.run_, net=net, settings=settings)
        self.calibration_ = found
        if self.calibrate == "temperature":
            # It decides as before, to the last bit.
            self._deciding = learnt

    def _held_targets(self, y: Array) -> Array:
        # Some of the classes may be missing: they are looked at, not learnt.
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y_val has classes that y does not have: {unknown}; those of y are "
                f"{self.classes_}"
            )
        return np.searchsorted(self.classes_, y)

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


class TableRegressor(RegressorMixin, TableEstimator):
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

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on the rows of `X` and the number of each in `y`.

        The other arguments, and errors, are as there.
        """
        numbers = np.asarray(self._target_column(y), np.float64)
        weights = weights_of(numbers, sample_weight)
        held = (X_val, y_val, sample_weight_val)
        self._learn(X, y, numbers, weights, held, task="regression")
        return self

    def predict(self, X: Any) -> Array:
        """The number for each row, float64."""
        outputs = self._outputs(X)[:, 0]
        return self.run_.encoder.decode(outputs)

    def _held_targets(self, y: Array) -> Array:
        return np.asarray(y, np.float64)
