"""The names of the metrics, and what a result says, in plain words."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from chainrule.tabular.evaluation import Evaluation
from chainrule.view.charts import wilson_interval
from chainrule.view.numbers import number, percent

__all__ = ["Metric", "metric", "result_words", "show"]


class Metric(NamedTuple):
    """How a metric is called, explained and written.

    `style` is "share" for a percentage, "score" for a number without a unit and
    "amount" for one in the target's units.
    """

    name: str
    meaning: str
    higher_is_better: bool
    style: Literal["share", "score", "amount"] = "score"


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric("Accuracy", "share of rows named right", True, "share"),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "the same, with every class counting alike", True, "share"
    ),
    "precision": Metric(
        "Precision", "of the rows named {positive}, the share that are", True, "share"
    ),
    "recall": Metric(
        "Recall", "of the rows that are {positive}, the share found", True, "share"
    ),
    "f1": Metric("F1", "precision and recall in one number", True),
    "macro_f1": Metric(
        "Macro F1", "precision and recall in one number, mean over the classes", True
    ),
    "roc_auc": Metric(
        "ROC area", "how well it ranks: 1 is perfect, 0.5 is guessing", True
    ),
    "log_loss": Metric("Log loss", "how surprised it is by the truth", False),
    "brier_score": Metric(
        "Brier score", "squared distance of the probabilities from the truth", False
    ),
    "expected_calibration_error": Metric(
        "Calibration error", "how far probabilities are from frequencies", False
    ),
    "root_mean_squared_error": Metric(
        "Root mean squared error",
        "typical error; large ones weigh more",
        False,
        "amount",
    ),
    "mean_squared_error": Metric(
        "Mean squared error", "in squared units of the target", False, "amount"
    ),
    "mean_absolute_error": Metric(
        "Mean absolute error", "error of an average row", False, "amount"
    ),
    "r2_score": Metric("R²", "share of the target's variance explained", True),
}


# The short names by which a training run is asked for metrics.
SHORT: Final[Mapping[str, str]] = {
    "auc": "roc_auc",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "r2": "r2_score",
}


def metric(key: str) -> Metric:
    """What is known of a metric by its long or short name, or its bare name."""
    key = SHORT.get(key, key)
    unknown = Metric(key.replace("_", " ").capitalize(), "", True, "amount")
    return METRICS.get(key, unknown)


def show(key: str, value: float) -> str:
    """The value of a metric as people read it.

    Example:
        >>> show("accuracy", 0.974), show("log_loss", 0.0712), show("roc_auc", 1.0)
        ('97.4%', '0.071', '1.000')
        >>> show("mean_absolute_error", 48213.2), show("log_loss", 0.000123)
        ('48,213', '0.00012')
    """
    style = metric(key).style
    if style == "share":
        return percent(value)
    if style == "amount" or abs(value) >= 1000:
        return number(value)
    return f"{value:.2g}" if 1e-6 < abs(value) < 0.01 else f"{value:.3f}"


def result_words(test: Evaluation, baselines: Mapping[str, Evaluation]) -> list[str]:
    """What the network is worth beside its baselines: a few sentences."""
    if test.task == "regression":
        return _regression_words(test, baselines)
    return _class_words(test, baselines)


def _class_words(test: Evaluation, baselines: Mapping[str, Evaluation]) -> list[str]:
    share = test.metrics["accuracy"]
    right = sum(rows for actual, named, rows in test.confusion if actual == named)
    low, high = (float(end) for end in wilson_interval(share, test.rows))
    seen = (
        f"Of {number(test.rows)} {_rows(test)} that it had never seen, the network put"
        f" {number(right)} in the right class."
    )
    pinned = (
        f"That pins its true accuracy down to between {percent(low)} and"
        f" {percent(high)} (95% interval)."
    )
    return [seen, pinned, *_comparison(test, baselines, (high - low) / 2)]


def _regression_words(
    test: Evaluation, baselines: Mapping[str, Evaluation]
) -> list[str]:
    error = test.metrics["mean_absolute_error"]
    seen = (
        f"On {number(test.rows)} {_rows(test)} that it had never seen, the network is"
        f" off by {number(error)} on average."
    )
    sentences = [seen]
    if "r2_score" in test.metrics:
        r2 = test.metrics["r2_score"]
        sentences.append(
            f"It explains {percent(r2)} of the variance of the target."
            if r2 > 0
            else "It explains none of the variance of the target."
        )
    margin = 0.01 * test.metrics[test.headline]
    return [*sentences, *_comparison(test, baselines, margin)]


def _rows(test: Evaluation) -> str:
    return "row" if test.rows == 1 else "rows"


def _comparison(
    test: Evaluation, baselines: Mapping[str, Evaluation], margin: float
) -> list[str]:
    """A sentence that compares the headline with the best of the baselines."""
    key = test.headline
    known = {name: b.metrics[key] for name, b in baselines.items() if key in b.metrics}
    if not known:
        return []
    sign = 1 if metric(key).higher_is_better else -1
    best = max(known, key=lambda name: sign * known[name])
    ahead = sign * (test.metrics[key] - known[best])
    if abs(ahead) <= margin:
        verdict = "too close to the network to tell them apart on these rows"
    elif ahead > 0:
        verdict = "the network does better"
    else:
        verdict = "better than the network, so look there first"
    value = show(key, known[best])
    return [f"The best of the simpler predictors is {best} ({value}): {verdict}."]
