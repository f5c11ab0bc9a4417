"""Fit time and score of chainrule's estimators beside scikit-learn's, on real tables.

    python benchmarks/estimators.py                    # all of them, 5 seeds
    python benchmarks/estimators.py --only digits california --seeds 3
    python benchmarks/estimators.py --data FOLDER      # adult, california and MNIST

Both classes get the same rows and parameters; they take turns, seed by seed, in this
process. The seed draws the split, the initial weights and the batches. Before a table
is timed, chainrule fits it once with another seed, so what is compiled is compiled: the
column `first` says how long that took. The score of a classifier is its accuracy on a
quarter of the rows, that of a regressor R2; MNIST has test rows of its own. The case
`bench_mnist` is MLP_adam of scikit-learn's benchmarks/bench_mnist.py: it trains until
the loss stops falling, which takes scikit-learn most of a minute for each seed.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np
import pandas as pd
import sklearn.linear_model
import sklearn.neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import chainrule.sklearn as ours

THEIRS = {
    "MLPClassifier": sklearn.neural_network.MLPClassifier,
    "MLPRegressor": sklearn.neural_network.MLPRegressor,
    "LogisticRegression": sklearn.linear_model.LogisticRegression,
}


class Case(NamedTuple):
    """A table, and what is fitted to it; `note` tells cases of one table apart."""

    table: str
    estimator: str
    parameters: dict[str, Any]
    note: str = ""


class Rows(NamedTuple):
    """What is fitted, and rows to score it with, if they are not drawn from it."""

    X: Any
    y: Any
    X_test: Any = None
    y_test: Any = None


# Until threads of the fit before, which spin for a while, have gone to sleep.
PAUSE = 0.2

SMALL = {"hidden_layer_sizes": (100,), "max_iter": 50}
CASES = [
    Case("digits", "MLPClassifier", SMALL),
    Case("digits", "MLPClassifier", {**SMALL, "batch_size": 32}, "batches of 32"),
    Case("digits in float32", "MLPClassifier", SMALL),
    Case(
        "digits in float32",
        "MLPClassifier",
        {**SMALL, "batch_size": 32},
        "batches of 32",
    ),
    Case("breast cancer", "MLPClassifier", SMALL),
    Case("adult", "MLPClassifier", {**SMALL, "max_iter": 10}),
    Case("california", "MLPRegressor", {**SMALL, "max_iter": 20}),
    Case("mnist", "MLPClassifier", {"hidden_layer_sizes": (100, 100), "max_iter": 5}),
    Case("digits", "LogisticRegression", {}),
    Case("breast cancer", "LogisticRegression", {}),
    Case("adult", "LogisticRegression", {"max_iter": 1000}),
    Case(
        "mnist",
        "MLPClassifier",
        {"hidden_layer_sizes": (100, 100), "max_iter": 400},
        "bench_mnist",
    ),
]


def read(table: str, data: Path) -> Rows:
    """Columns as both classes take them: numbers, near 1 where they have no unit."""
    if table.startswith("digits"):
        X, y = load_digits(return_X_y=True)
        dtype = np.float32 if table.endswith("float32") else np.float64
        return Rows((X / 16).astype(dtype), y)
    if table == "breast cancer":
        X, y = load_breast_cancer(return_X_y=True)
        return Rows(StandardScaler().fit_transform(X), y)
    if table == "adult":
        return read_adult(data / "adult_train.csv")
    if table == "california":
        frame = pd.read_csv(data / "california_housing.csv")
        y = frame.pop("MedHouseVal").to_numpy()
        return Rows(StandardScaler().fit_transform(frame.to_numpy()), y)
    images = np.load(data / "mnist.npz")
    X, X_test = (
        images[name].reshape(-1, 784).astype(np.float32) / 255
        for name in ("x_train", "x_test")
    )
    return Rows(X, images["y_train"], X_test, images["y_test"])


def read_adult(path: Path) -> Rows:
    """One column of 0 and 1 for each word, numbers standardised."""
    frame = pd.read_csv(path, skipinitialspace=True)
    y = (frame.pop("income").str.rstrip(".") == ">50K").to_numpy(np.int64)
    numbers = frame.select_dtypes("number")
    words = frame.drop(columns=numbers.columns).fillna("?").astype(str)
    encoded = OneHotEncoder(sparse_output=False).fit_transform(words)
    return Rows(np.hstack([StandardScaler().fit_transform(numbers), encoded]), y)


class Fit(NamedTuple):
    """How one fit went."""

    seconds: float
    score: float


def fit(make: Callable[..., Any], case: Case, rows: Rows, seed: int) -> Fit:
    """The time of a fit to the rows that are not for scoring, and the score."""
    parameters = {"random_state": seed, **case.parameters}
    X, y, X_test, y_test = rows
    if X_test is None:
        strata = None if case.estimator == "MLPRegressor" else y
        X, X_test, y, y_test = train_test_split(
            X, y, random_state=seed, stratify=strata
        )
    model = clone(make(**parameters))
    time.sleep(PAUSE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.perf_counter()
        model.fit(X, y)
    return Fit(time.perf_counter() - began, float(model.score(X_test, y_test)))


def compare(case: Case, rows: Rows, seeds: int) -> dict[str, Any]:
    """Both classes with every seed, in turns."""
    mine, its = getattr(ours, case.estimator), THEIRS[case.estimator]
    first = fit(mine, case, rows, seeds)
    fits = [
        (fit(mine, case, rows, seed), fit(its, case, rows, seed))
        for seed in range(seeds)
    ]
    return {
        "case": ", ".join(filter(None, [case.table, case.estimator, case.note])),
        "shape": rows.X.shape,
        "first": first.seconds,
        "chainrule": [each[0]._asdict() for each in fits],
        "scikit-learn": [each[1]._asdict() for each in fits],
    }


def line(found: dict[str, Any]) -> str:
    """A row of the table."""
    time_, score = {}, {}
    for who in ("chainrule", "scikit-learn"):
        time_[who] = statistics.median(each["seconds"] for each in found[who])
        scores = [each["score"] for each in found[who]]
        score[who] = f"{statistics.mean(scores):.4f}"
        if len(scores) > 1:
            score[who] += f" ± {statistics.stdev(scores):.4f}"
    rows, columns = found["shape"]
    return machine.row(
        [
            found["case"],
            f"{rows} x {columns}",
            f"{found['first']:.2f}",
            f"{time_['chainrule']:.3f}",
            f"{time_['scikit-learn']:.3f}",
            f"{time_['scikit-learn'] / time_['chainrule']:.1f}",
            score["chainrule"],
            score["scikit-learn"],
        ]
    )


def options() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="first words of tables, or notes")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CHAINRULE_DATA", "."))
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    chosen = options()
    print(machine.about())
    print(
        machine.head(
            [
                "case",
                "rows x columns",
                "first, s",
                "chainrule, s",
                "scikit-learn, s",
                "times as fast",
                "score",
                "its score",
            ]
        )
    )
    results = []
    for case in CASES:
        names = {case.table.split()[0], case.note}
        if chosen.only and not names & set(chosen.only):
            continue
        try:
            rows = read(case.table, chosen.data)
        except FileNotFoundError as error:
            print(f"left out: {case.table}, for {error.filename} is not there (--data)")
            continue
        results.append(compare(case, rows, chosen.seeds))
        print(line(results[-1]), flush=True)
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
