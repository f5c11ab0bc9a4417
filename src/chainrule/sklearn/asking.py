"""What every estimator that is a network can be asked, whatever its rows look like."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
)

from chainrule import insight, nn
from chainrule.insight import Explanation, HardRows, Importances
from chainrule.insight.batches import Of, dtype_of_net
from chainrule.ir import Array
from chainrule.sklearn.namespaces import fetch
from chainrule.sklearn.watching import dense
from chainrule.training.program import predict
from chainrule.training.scores import labels_of

__all__ = ["Asked", "Scoring", "Shuffling"]

# The name of a scorer, or one: a function of estimator, `X`, `y` and `sample_weight`.
Scoring: TypeAlias = str | Callable[..., Any] | None


@dataclass(frozen=True)
class Shuffling:
    """Rows whose columns are to be shuffled, one after the other.

    - `rows`, of shape `(n, k)`: what is shuffled.
    - `given`: what a scorer is given as `X` of such rows.
    - `columns`: what the columns of `rows` are called; or `groups`, by column, which of
      them are shuffled together.
    - `told`: warnings about the rows which the user has been given already.
    """

    rows: Array
    given: Callable[[Array], Any]
    columns: Sequence[str] | None = None
    groups: Mapping[str, Sequence[int]] | None = None
    told: tuple[type[Warning], ...] = ()


class Asked(ABC):
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
    """

    classes_: Array

    @abstractmethod
    def to_network(self) -> nn.Sequential:
        """The network, up to what its last layer gives."""

    @abstractmethod
    def _shuffling(self, X: Any, scoring: Scoring) -> Shuffling:
        """The rows of `X` as columns that can be shuffled."""

    @abstractmethod
    def _labelled(self, X: Any, y: Any) -> tuple[Array, Array]:
        """What the network takes of each row, and its target, both checked."""

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
        check_is_fitted(self)
        columns = self._shuffling(X, scoring)
        check_consistent_length(columns.rows, y, sample_weight)
        scorer = check_scoring(self, scoring)
        options: dict[str, Any] = {}
        if sample_weight is not None:
            options["sample_weight"] = _check_sample_weight(sample_weight, columns.rows)

        def score(rows: Array, truth: Array) -> float:
            return float(scorer(self, columns.given(rows), truth, **options))

        with warnings.catch_warnings():
            # Rows with a column shuffled may be an array, or a table, where `X` is not.
            warnings.filterwarnings(
                "ignore", "X (does not have valid|has) feature names"
            )
            for kind in columns.told:
                warnings.simplefilter("ignore", kind)
            found = insight.permutation_importances(
                score,
                columns.rows,
                dense(y),
                columns=columns.columns,
                groups=columns.groups,
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
        x, y = self._labelled(X, y)
        net, loss = self.to_network(), self._loss_of_rows()
        if not is_classifier(self) or self._several:
            return insight.hard_rows(net, x, self._numbers(y), loss=loss)
        numbers = self._numbers_of(column_or_1d(fetch(y)))
        one = self._has_one_logit
        targets = numbers.astype(np.float64)[:, None] if one else numbers
        found = insight.hard_rows(net, x, targets, loss=loss)
        said = labels_of(predict(net, x))
        # If there is one class only, its logit may be of either sign.
        said = np.minimum(said, len(self._labels) - 1)
        return replace(found, targets=self._labels[numbers], labels=self._labels[said])

    def _explained(
        self, net: nn.Sequential, x: Array, output: Any, of: Of, **how: Any
    ) -> Explanation:
        """What each input of `net` adds to the output that is meant."""
        net, index, kind = self._asked(net, output, of)
        if np.ndim(index) == 0 and index == "all":
            raise ValueError(
                f"output={output!r}: an explanation is of one output of each row"
            )
        found = insight.explain(net, x, output=index, of=kind, **how)
        return replace(found, of=of)

    # --- which output -------------------------------------------------------------

    @property
    def _several(self) -> bool:
        """Whether a row may have several labels, with a logit for each."""
        return False

    @property
    def _labels(self) -> Array:
        """What the classes are called."""
        labels: Array = fetch(self.classes_)
        return labels

    @property
    def _has_one_logit(self) -> bool:
        return len(self._labels) <= 2 and not self._several

    def _asked(
        self, net: nn.Sequential, output: Any, of: Of
    ) -> tuple[nn.Sequential, Any, Of]:
        """The network to ask, which of its outputs, and whether for a probability.

        Layers are put at the end of `net`.
        """
        if not is_classifier(self):
            if of == "probability":
                raise ValueError(
                    f"of='probability' is for classifiers, and {type(self).__name__} "
                    "predicts numbers: leave it out"
                )
            return net, output, of
        if self._has_one_logit:
            output = self._labels[-1] if output is None else output
            net = _two_logits(net, 0.5 if of == "probability" else 1.0)
        if self._several and of == "probability":
            # Each has a probability of its own; they do not share 1.
            net, of = net.append(nn.Sigmoid()), "output"
        every = isinstance(output, str) and output == "all"
        if output is None or (every and "all" not in self._labels.tolist()):
            return net, output, of
        return net, self._numbers_of(output), of

    def _numbers_of(self, labels: Any) -> Array:
        """Where in `classes_` they are."""
        known = {label: k for k, label in enumerate(self._labels.tolist())}
        given = np.asarray(labels)
        flat = given.ravel().tolist()
        for label in flat:
            if label not in known:
                raise ValueError(
                    f"there is no class {label!r}; the classes are "
                    f"{', '.join(map(repr, known))}"
                )
        return np.array([known[label] for label in flat], int).reshape(given.shape)

    # --- losses -------------------------------------------------------------------

    def _numbers(self, y: Array) -> Array:
        """Targets that are numbers, as the loss takes them."""
        return dense(y).reshape(y.shape[0], -1).astype(np.float64)

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
