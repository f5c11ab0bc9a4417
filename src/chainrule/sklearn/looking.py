"""What an estimator can tell besides predictions: slopes, attributions, hard rows."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import column_or_1d
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from chainrule import insight, nn
from chainrule.insight import Explanation, HardRows, Importances
from chainrule.insight.attribution import Baseline, Method
from chainrule.insight.batches import Of, dtype_of_net
from chainrule.ir import Array
from chainrule.sklearn.watching import dense
from chainrule.training.program import predict
from chainrule.training.scores import labels_of

# The name of a scorer, or one: a function of estimator, `X`, `y` and `sample_weight`.
Scoring: TypeAlias = str | Callable[..., Any] | None


class Inspectable(ABC):
    """An estimator that is a network, and can be asked why it predicts what it does.

    It asks `chainrule.insight`, of the network that `to_network` gives. Which of its
    outputs is meant is said by `output`:

    - for a classifier, a label of `classes_`, or one label for each row; by default the
      second of two classes, and of more the most likely one of each row;
    - for a regressor, the number of an output, or one for each row; by default the only
      one, or the largest of each row.

    `of="output"` means the logits of a classifier, of which two classes share one with
    either sign, and the numbers that a regressor predicts: with `loss="poisson"` their
    logarithms. `of="probability"` means what `predict_proba` gives.

    `X` has shape `(n, features)` and is checked as in `predict`; sparse rows are
    refused, for what is found has a number for each feature.
    """

    classes_: Array

    @abstractmethod
    def to_network(self) -> nn.Sequential:
        """The network, up to what its last layer gives."""

    @property
    def _several(self) -> bool:
        """Whether a row may have several labels, with a logit for each."""
        return False

    def input_gradients(self, X: Any, output: Any = None, of: Of = "output") -> Array:
        """`dy[i, k] / dx[i]`: how an output of each row moves as its features move.

        `output` and `of` say which `y[i, k]` is meant: see the class. The result has
        the shape of `X`; with `output="all"` it is of every output, of shape
        `(n, outputs, features)`. See `chainrule.insight.input_gradients`.

        >>> from chainrule.sklearn import LogisticRegression
        >>> clf = LogisticRegression().fit([[-1.0], [1.0]], ["cold", "warm"])
        >>> clf.input_gradients([[0.0]], "cold").round(3)
        array([[-0.675]])
        """
        x = self._dense_rows(X)
        net, index, of = self._asked(output, of)
        return insight.input_gradients(net, x, index, of=of)

    def explain(
        self,
        X: Any,
        method: Method = "integrated_gradients",
        baseline: Baseline = 0.0,
        output: Any = None,
        of: Of = "output",
        *,
        steps: int = 64,
    ) -> Explanation:
        """What each feature adds to an output, compared with that of a `baseline`.

        The baseline is a number, a row, one row for each of `X`, or `"mean"`, that of
        the rows. The default, 0, is the mean row where a `StandardScaler` comes before.
        `output` and `of` say which output is meant: see the class. For `method` and
        `steps` see `chainrule.insight.explain`. `outputs` of what is found are places
        in `classes_`, and its columns have the names that they had in `fit`.

        >>> from chainrule.sklearn import LogisticRegression
        >>> clf = LogisticRegression().fit([[-1.0], [1.0]], ["cold", "warm"])
        >>> clf.explain([[2.0]], output="warm").attributions.round(2)
        array([[1.35]])
        """
        x = self._dense_rows(X)
        net, index, kind = self._asked(output, of)
        if np.ndim(index) == 0 and index == "all":
            raise ValueError(
                f"output={output!r}: an explanation is of one output of each row"
            )
        found = insight.explain(
            net,
            x,
            method,
            baseline=baseline,
            output=index,
            of=kind,
            steps=steps,
            columns=getattr(self, "feature_names_in_", None),
        )
        return replace(found, of=of)

    def permutation_importances(
        self,
        X: Any,
        y: Any,
        scoring: Scoring = None,
        *,
        repeats: int = 5,
        seed: int = 0,
        sample_weight: Any = None,
    ) -> Importances:
        """How much worse the score is when a column is shuffled among the rows.

        The score is that of `score`, or of `scoring`, a scorer of scikit-learn or the
        name of one, with `sample_weight` where it is given. Take rows that were not
        trained on. See `chainrule.insight.permutation_importances`.

        >>> from chainrule.sklearn import LogisticRegression
        >>> X, y = [[-1.0, 0.0], [1.0, 0.0]] * 10, ["cold", "warm"] * 10
        >>> clf = LogisticRegression().fit(X, y)
        >>> clf.permutation_importances(X, y).means[1].item()
        0.0
        """
        if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
            raise TypeError(
                f"scoring={scoring!r} has to be a scorer, or the name of one"
            )
        x = self._dense_rows(X)
        check_consistent_length(x, y, sample_weight)
        scorer = check_scoring(self, scoring)
        options: dict[str, Any] = {}
        if sample_weight is not None:
            options["sample_weight"] = _check_sample_weight(sample_weight, x)

        def score(rows: Array, truth: Array) -> float:
            return float(scorer(self, rows, truth, **options))

        with warnings.catch_warnings():
            # Rows with a column shuffled are an array, whatever `X` was.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            found = insight.permutation_importances(
                score,
                x,
                dense(y),
                columns=getattr(self, "feature_names_in_", None),
                repeats=repeats,
                seed=seed,
            )
        return replace(found, metric=scoring if isinstance(scoring, str) else "score")

    def hard_rows(self, X: Any, y: Any) -> HardRows:
        """The rows by the length of the gradient of each one's loss, longest first.

        Those with a wrong label are likely to come first. The loss is the one that was
        made small, of the row alone: without the penalty, and without weights of rows
        or classes. Where rows have one class each, `targets` and `labels` are of
        `classes_`, and `suspects` are the rows of which the network says something
        else. See `chainrule.insight.hard_rows`.

        >>> from chainrule.sklearn import LogisticRegression
        >>> X = [[-2.0], [-1.0], [1.0], [2.0], [-2.0]]
        >>> y = ["cold", "cold", "warm", "warm", "warm"]
        >>> LogisticRegression().fit(X, y).hard_rows(X, y).order[0].item()
        4
        """
        check_is_fitted(self)
        classes = is_classifier(self)
        x, y = validate_data(
            self, X, y, reset=False, multi_output=True, y_numeric=not classes
        )
        net, loss = self.to_network(), self._loss_of_rows()
        if not classes or self._several:
            targets = dense(y).reshape(len(x), -1).astype(np.float64)
            return insight.hard_rows(net, x, targets, loss=loss)
        numbers = self._numbers_of(column_or_1d(y))
        one = self._has_one_logit
        targets = numbers.astype(np.float64)[:, None] if one else numbers
        found = insight.hard_rows(net, x, targets, loss=loss)
        said = labels_of(predict(net, x))
        # If there is one class only, its logit may be of either sign.
        said = np.minimum(said, len(self.classes_) - 1)
        return replace(
            found, targets=self.classes_[numbers], labels=self.classes_[said]
        )

    # --- which output -------------------------------------------------------------

    @property
    def _has_one_logit(self) -> bool:
        return len(self.classes_) <= 2 and not self._several

    def _asked(self, output: Any, of: Of) -> tuple[nn.Sequential, Any, Of]:
        """The network to ask, which of its outputs, and whether for a probability."""
        net = self.to_network()
        if not is_classifier(self):
            if of == "probability":
                raise ValueError(
                    f"of='probability' is for classifiers, and {type(self).__name__} "
                    "predicts numbers: leave it out"
                )
            return net, output, of
        if self._has_one_logit:
            output = self.classes_[-1] if output is None else output
            net = _two_logits(net, 0.5 if of == "probability" else 1.0)
        if self._several and of == "probability":
            # Each has a probability of its own; they do not share 1.
            net, of = net.append(nn.Sigmoid()), "output"
        every = isinstance(output, str) and output == "all"
        if output is None or (every and "all" not in self.classes_.tolist()):
            return net, output, of
        return net, self._numbers_of(output), of

    def _numbers_of(self, labels: Any) -> Array:
        """Where in `classes_` they are."""
        known = {label: k for k, label in enumerate(self.classes_.tolist())}
        given = np.asarray(labels)
        flat = given.ravel().tolist()
        for label in flat:
            if label not in known:
                raise ValueError(
                    f"there is no class {label!r}; the classes are "
                    f"{', '.join(map(repr, known))}"
                )
        return np.array([known[label] for label in flat], int).reshape(given.shape)

    # --- rows ---------------------------------------------------------------------

    def _dense_rows(self, X: Any) -> Array:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False))

    def _loss_of_rows(self) -> Any:
        """The loss of a row, as `chainrule.insight` calls it."""
        loss = getattr(self, "loss", "log_loss")
        if loss == "log_loss":
            each = self._has_one_logit or self._several
            return "binary_cross_entropy" if each else "cross_entropy"
        return loss if isinstance(loss, str) else partial(loss, sample_weight=None)


def _two_logits(net: nn.Sequential, size: float) -> nn.Sequential:
    """The network with `-size z` and `size z` in place of its only logit `z`.

    With half of `z`, their softmax is the sigmoid of `-z` and of `z`.
    """
    both = nn.Dense(1, 2, W_init="zeros", dtype=dtype_of_net(net))
    both.W.assign([[-size, size]])
    return net.append(both)
