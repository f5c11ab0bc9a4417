"""Probabilities that come true: `calibrate=` of a classifier."""

from typing import Any

import numpy as np

from chainrule.insight import Calibration, calibrate_logits
from chainrule.ir import Array
from chainrule.sklearn.perceptron import Given, Perceptron
from chainrule.sklearn.trainer import Weights
from chainrule.sklearn.watching import Held


class Calibrated(Perceptron):
    """Layers of neurons for classes, whose logits are corrected once they are learned.

    The rows for that are not trained on: `X_val`, or the ones that `early_stopping`
    looks at, or a share with as many of each class as there are in all.
    """

    calibrate: str | None
    calibration_: Calibration

    @property
    def _several(self) -> bool:
        return self.n_outputs_ > 1 and self.out_activation_ == "logistic"

    def _prepare(self, held: Given, *, incremental: bool) -> None:
        super()._prepare(held, incremental=incremental)
        if self.calibrate is not None and self._several:
            raise ValueError(
                f"calibrate={self.calibrate!r} is for rows of one class each, and y "
                "has several labels a row: leave it out"
            )
        if self.calibrate is not None and incremental and held[0] is None:
            raise ValueError(
                f"partial_fit with calibrate={self.calibrate!r} needs X_val and y_val: "
                "rows that no call trains on"
            )
        # It was found for other weights; until there are new ones, there is none.
        self.__dict__.pop("calibration_", None)

    @property
    def _holds_out(self) -> bool:
        return self.calibrate is not None or super()._holds_out

    def _strata(self, columns: Array) -> Array | None:
        if self.n_outputs_ == 1:
            return columns
        # scikit-learn keeps the shares of the classes only where there are two.
        return None if super()._holds_out else columns.argmax(axis=1)

    def _hold_out(self, count: int, y: Array) -> tuple[Array, Array]:
        try:
            return super()._hold_out(count, y)
        except ValueError as error:
            if super()._holds_out:
                raise
            raise ValueError(
                f"calibrate={self.calibrate!r} holds out validation_fraction="
                f"{self.validation_fraction} of the rows, some of each class, and "
                f"cannot: {error} Give X_val and y_val, or hold out more."
            ) from error

    def _conclude(self, apart: Held | None) -> None:
        super()._conclude(apart)
        if self.calibrate is None or apart is None:
            return
        columns = apart.columns
        numbers = columns.argmax(axis=1) if self.n_outputs_ > 1 else columns[:, 0]
        self.calibration_ = calibrate_logits(
            self._forward(apart.rows.X, self._weights(), "identity"),
            numbers.astype(np.int64),
            "vector" if self.calibrate == "vector" else "temperature",
            sample_weight=apart.sample_weight,
        )

    # --- predicting ---------------------------------------------------------------

    def _final(self) -> Weights:
        weights = self._weights()
        found = getattr(self, "calibration_", None)
        if found is None:
            return weights
        *coefs, W = weights.coefs
        *intercepts, b = weights.intercepts
        W, b = found.last_layer(W, b)
        return Weights([*coefs, W], [*intercepts, b], weights.others)

    def predict(self, X: Any) -> Array:
        """The most likely class of each row.

        A temperature leaves it as it is; with `calibrate="vector"` it is the most
        likely one by the calibrated probabilities, which may be another.
        """
        found = getattr(self, "calibration_", None)
        if found is not None and found.method == "temperature":
            # The same to the last bit.
            return self._decide(self._outputs(X, self._weights()))
        return super().predict(X)
