"""What a result says in plain words."""

import pytest

from chainrule.tabular.evaluation import evaluate_classes, evaluate_regression
from chainrule.view.words import metric, result_words, show


def classes_right(right, rows):
    """An evaluation of two classes with so many rows named right."""
    p = [0.9] * right + [0.1] * (rows - right)
    return evaluate_classes([1] * rows, p, ["no", "yes"])


def off_by(error):
    y = [float(k) for k in range(10)]
    return evaluate_regression(y, [value + error for value in y])


def test_every_metric_of_an_evaluation_has_a_name_and_a_meaning():
    evaluations = [
        evaluate_classes([0, 1], [0.1, 0.9], "ab"),
        evaluate_classes([0, 1, 2], [[0.8, 0.1, 0.1]] * 3, "abc"),
        off_by(1.0),
    ]
    for evaluation in evaluations:
        for key in evaluation.metrics:
            assert metric(key).meaning, key


def test_short_names_mean_the_same_and_unknown_ones_stay():
    assert metric("rmse") == metric("root_mean_squared_error")
    assert metric("my_score").name == "My score"


def test_accuracy_is_counted_in_rows_with_its_interval():
    first, second = result_words(classes_right(97, 100), {})
    assert first == (
        "Of 100 rows that it had never seen, the network put 97 in the right class."
    )
    assert second == (
        "That pins its true accuracy down to between 91.5% and 99.0% (95% interval)."
    )


@pytest.mark.parametrize(
    ("baseline", "verdict"),
    [
        (50, "(50.0%): the network does better."),
        (88, "(88.0%): too close to the network to tell them apart on these rows."),
        (99, "(99.0%): better than the network, so look there first."),
    ],
)
def test_the_network_is_compared_with_the_best_baseline(baseline, verdict):
    others = {"weak": classes_right(10, 100), "strong": classes_right(baseline, 100)}
    last = result_words(classes_right(90, 100), others)[-1]
    assert last == f"The best of the simpler predictors is strong {verdict}"


@pytest.mark.parametrize(
    ("baseline", "verdict"),
    [(2.0, "does better"), (1.001, "too close"), (0.5, "better than the network")],
)
def test_lower_errors_are_better(baseline, verdict):
    words = result_words(off_by(1.0), {"weak": off_by(9.0), "strong": off_by(baseline)})
    assert words[0] == (
        "On 10 rows that it had never seen, the network is off by 1 on average."
    )
    assert verdict in words[-1]
    assert "is strong" in words[-1]


def test_explained_variance_is_said_only_where_there_is_some():
    assert "explains 87.9% of the variance" in result_words(off_by(1.0), {})[1]
    assert "explains none of the variance" in result_words(off_by(9.0), {})[1]
    one_row = evaluate_regression([1.0], [2.0])
    assert result_words(one_row, {}) == [
        "On 1 row that it had never seen, the network is off by 1 on average."
    ]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("accuracy", 1.0, "100%"),
        ("roc_auc", 0.5, "0.500"),
        ("log_loss", 0.00123, "0.0012"),
        ("log_loss", 1e-16, "0.000"),
        ("r2_score", -123456.7, "-123,457"),
        ("mean_absolute_error", 48213.2, "48,213"),
        ("mean_absolute_error", 0.0001234, "0.0001234"),
    ],
)
def test_scores_as_people_read_them(key, value, shown):
    assert show(key, value) == shown
