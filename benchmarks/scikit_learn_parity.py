"""Losses of `chainrule.sklearn.MLPClassifier` beside those of scikit-learn's.

The 28 fits of scikit-learn's gallery example plot_mlp_training_curves: four data sets,
seven ways to train. Both classes draw the same random numbers, so what differs is how
sums are rounded. It prints the largest difference of the losses of any epoch.

    python benchmarks/scikit_learn_parity.py
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.preprocessing import MinMaxScaler

from chainrule.sklearn import MLPClassifier as Ours

TOLERANCE = 1e-6

SGD = {"solver": "sgd", "learning_rate_init": 0.2}
WAYS: dict[str, dict[str, Any]] = {
    "constant rate": {**SGD, "momentum": 0},
    "constant, momentum": {**SGD, "nesterovs_momentum": False},
    "constant, Nesterov": SGD,
    "falling rate": {**SGD, "learning_rate": "invscaling", "momentum": 0},
    "falling, momentum": {
        **SGD,
        "learning_rate": "invscaling",
        "nesterovs_momentum": False,
    },
    "falling, Nesterov": {**SGD, "learning_rate": "invscaling"},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
}


def tables() -> Iterator[tuple[str, Any, Any, int]]:
    """The data sets of the example: name, X, y, epochs."""
    yield "iris", *load_iris(return_X_y=True), 400
    yield "digits", *load_digits(return_X_y=True), 15
    yield "circles", *make_circles(noise=0.2, factor=0.5, random_state=1), 400
    yield "moons", *make_moons(noise=0.3, random_state=0), 400


def difference(X: Any, y: Any, **parameters: Any) -> tuple[Any, Any, float]:
    """Both estimators, and how far their losses are apart in the worst epoch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs, ours = (c(**parameters).fit(X, y) for c in (Theirs, Ours))
    if theirs.n_iter_ != ours.n_iter_:
        return theirs, ours, np.inf
    gaps = np.subtract(theirs.loss_curve_, ours.loss_curve_)
    return theirs, ours, float(np.abs(gaps).max())


def main() -> int:
    """Print one line for each fit."""
    worst = 0.0
    for name, X, y, epochs in tables():
        scaled = MinMaxScaler().fit_transform(X)
        for way, parameters in WAYS.items():
            theirs, ours, gap = difference(
                scaled, y, random_state=0, max_iter=epochs, **parameters
            )
            worst = max(worst, gap)
            print(
                f"{name:8} {way:20} {ours.n_iter_:4} epochs  theirs {theirs.loss_:.12f}"
                f"  ours {ours.loss_:.12f}  apart {gap:.0e}"
            )
    print(f"the largest difference is {worst:.0e}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
