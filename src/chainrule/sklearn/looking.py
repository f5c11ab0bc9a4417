"""What an estimator can tell besides predictions: slopes, attributions, hard rows."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule import insight
from chainrule.insight import Explanation
from chainrule.insight.attribution import Baseline, Method
from chainrule.insight.batches import Of
from chainrule.ir import Array
from chainrule.sklearn.asking import Asked, Scoring, Shuffling
from chainrule.sklearn.namespaces import Home, fetch


class Inspectable(Asked):
    """An estimator that can be asked why, and whose inputs are the columns of `X`.

    See `Asked` for which of its outputs is meant. `X` has shape `(n, features)` and is
    checked as in `predict`; sparse rows are refused, for what is found has a number for
    each feature.
    """

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
        net, index, of = self._asked(self.to_network(), output, of)
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
        return self._explained(
            self.to_network(),
            x,
            output,
            of,
            method=method,
            baseline=baseline,
            steps=steps,
            columns=getattr(self, "feature_names_in_", None),
        )

    # --- rows ---------------------------------------------------------------------

    def _shuffling(self, X: Any, scoring: Scoring) -> Shuffling:
        del scoring  # all of them take arrays
        names = getattr(self, "feature_names_in_", None)
        return Shuffling(self._dense_rows(X), Home.of(X).bring, columns=names)

    def _labelled(self, X: Any, y: Any) -> tuple[Array, Array]:
        numeric = not is_classifier(self)
        x, y = validate_data(
            self, fetch(X), fetch(y), reset=False, multi_output=True, y_numeric=numeric
        )
        return x, y

    def _dense_rows(self, X: Any) -> Array:
        check_is_fitted(self)
        return np.asarray(validate_data(self, fetch(X), reset=False))
