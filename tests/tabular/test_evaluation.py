"""Evaluations, baselines and the influence of columns."""

import json

import numpy as np
import pytest
import sklearn.metrics as reference
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from chainrule.tabular.evaluation import (
    Evaluation,
    column_influence,
    evaluate_classes,
    evaluate_regression,
    majority_baseline,
    mean_baseline,
)


def random_classes(classes, rows=500, seed=0):
    """Probabilities that know something about y."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes)) + 2 * np.eye(classes)[y]
    p = np.exp(logits)
    return y, p / p.sum(axis=1, keepdims=True)


def random_numbers(rows=5000, seed=0):
    rng = np.random.default_rng(seed)
    y = 1e6 * rng.gamma(2, size=rows)
    return y, y + 2e5 * rng.normal(size=rows)


def evaluations():
    return [
        evaluate_classes(*random_classes(2), ["no", "yes"]),
        evaluate_classes(*random_classes(4), [10, 20, 30, 40]),
        evaluate_regression(*random_numbers()),
    ]


# Scores


def test_two_classes_have_the_scores_of_the_second():
    y, p = random_classes(2)
    result = evaluate_classes(y, p[:, 1], ["no", "yes"])
    named = p[:, 1] > 0.5
    assert (result.task, result.rows, result.classes) == ("binary", 500, ("no", "yes"))
    assert result.headline == "accuracy"
    expected = {
        "accuracy": reference.accuracy_score(y, named),
        "balanced_accuracy": reference.balanced_accuracy_score(y, named),
        "precision": reference.precision_score(y, named),
        "recall": reference.recall_score(y, named),
        "f1": reference.f1_score(y, named),
        "roc_auc": reference.roc_auc_score(y, p[:, 1]),
        "log_loss": reference.log_loss(y, p),
        "brier_score": reference.brier_score_loss(y, p[:, 1]),
    }
    error = result.metrics["expected_calibration_error"]
    assert 0 < error < 0.2
    assert result.metrics == pytest.approx(
        {**expected, "expected_calibration_error": error}
    )
    both = np.column_stack([1 - p[:, 1], p[:, 1]])
    assert result == evaluate_classes(y, both, ["no", "yes"])


def test_more_classes_have_means_over_the_classes():
    y, p = random_classes(4)
    result = evaluate_classes(y, p, ["a", "b", "c", "d"])
    assert result.task == "multiclass"
    assert result.metrics["macro_f1"] == pytest.approx(
        reference.f1_score(y, p.argmax(axis=1), average="macro")
    )
    assert result.metrics["roc_auc"] == pytest.approx(
        reference.roc_auc_score(y, p, multi_class="ovr")
    )
    assert [curve.name for curve in result.roc] == ["a", "b", "c", "d"]


def test_confusion_and_class_scores_come_from_the_counted_pairs():
    y, p = random_classes(3)
    result = evaluate_classes(y, p, ["a", "b", "c"])
    named = p.argmax(axis=1)
    np.testing.assert_array_equal(
        result.confusion_matrix(), reference.confusion_matrix(y, named)
    )
    scores = result.class_scores()
    assert scores.classes == ("a", "b", "c")
    np.testing.assert_allclose(
        scores.recall, reference.recall_score(y, named, average=None)
    )


def test_a_class_that_is_absent_from_the_test_rows():
    y, p = random_classes(3)
    kept = y != 1
    result = evaluate_classes(y[kept], p[kept], ["a", "b", "c"])
    assert [curve.name for curve in result.roc] == ["a", "c"]
    assert result.confusion_matrix()[1].sum() == 0
    assert result.class_scores().recall[1] == 0


def test_one_class_only_has_no_roc():
    result = evaluate_classes([1, 1], [0.9, 0.4], ["no", "yes"])
    assert "roc_auc" not in result.metrics
    assert result.roc == ()
    assert result.metrics["accuracy"] == 0.5


def test_regression_is_scored_in_the_units_of_the_target():
    y, predicted = random_numbers()
    result = evaluate_regression(y, predicted)
    assert result.headline == "root_mean_squared_error"
    assert result.metrics == pytest.approx(
        {
            "root_mean_squared_error": reference.root_mean_squared_error(y, predicted),
            "mean_absolute_error": reference.mean_absolute_error(y, predicted),
            "r2_score": reference.r2_score(y, predicted),
        }
    )


def test_one_row_has_an_error_but_no_variance():
    assert set(evaluate_regression([1.0], [2.0]).metrics) == {
        "root_mean_squared_error",
        "mean_absolute_error",
    }


@pytest.mark.parametrize(
    ("y", "p", "classes", "message"),
    [
        ([0], [[1.0]], ["a"], "at least two classes; got 1"),
        ([0], [[0.5, 0.5]], ["a", "b", "c"], r"shape \(rows, 3\); got \(1, 2\)"),
        ([], [], ["a", "b"], "probabilities is empty"),
        ([0], [np.nan], ["a", "b"], "nan in row 0"),
        ([2], [0.5], ["a", "b"], "row 0 of y is not a class number"),
    ],
)
def test_class_errors_name_what_is_wrong(y, p, classes, message):
    with pytest.raises(ValueError, match=message):
        evaluate_classes(y, p, classes)


def test_regression_wants_one_number_a_row():
    with pytest.raises(ValueError, match=r"shape \(rows,\); got \(2, 1\)"):
        evaluate_regression([[1.0], [2.0]], [[1.0], [2.0]])


# Points of the curves


def test_roc_points_are_few_and_keep_the_shape():
    y, p = random_classes(2, rows=20_000)
    curve = evaluate_classes(y, p, ["no", "yes"]).roc[0]
    x, t = np.array(curve.false_positive_rate), np.array(curve.true_positive_rate)
    assert 100 < len(x) <= 200
    assert (x[0], t[0], x[-1], t[-1]) == (0, 0, 1, 1)
    assert curve.area == pytest.approx(reference.roc_auc_score(y, p[:, 1]))
    assert np.trapezoid(t, x) == pytest.approx(curve.area, abs=2e-3)


def test_a_short_roc_keeps_every_corner():
    y, p = random_classes(2, rows=60)
    curve = evaluate_classes(y, p, ["no", "yes"]).roc[0]
    expected = reference.roc_curve(y, p[:, 1])
    np.testing.assert_allclose(curve.false_positive_rate, expected[0])
    np.testing.assert_allclose(curve.true_positive_rate, expected[1])


def test_only_the_ten_most_frequent_classes_get_a_curve():
    y, p = random_classes(14)
    result = evaluate_classes(y, p, list("abcdefghijklmn"))
    support = np.bincount(y)
    drawn = [ord(curve.name) - ord("a") for curve in result.roc]
    assert len(drawn) == 10
    assert drawn == sorted(drawn)
    rest = sorted(set(range(14)) - set(drawn))
    assert support[drawn].min() >= support[rest].max()


def test_regression_points_are_evenly_spaced_rows():
    y, predicted = random_numbers(rows=5000)
    result = evaluate_regression(y, predicted)
    assert len(result.actual) == len(result.predicted) == 2000
    assert (result.actual[0], result.actual[-1]) == (y[0], y[-1])
    rows = [int(np.flatnonzero(y == value)[0]) for value in result.actual]
    assert set(np.diff(rows)) == {2, 3}
    assert [predicted[row] for row in rows] == list(result.predicted)
    short = evaluate_regression(y[:7], predicted[:7])
    assert short.actual == tuple(y[:7])


def test_calibration_counts_every_row_once():
    for result in evaluations()[:2]:
        assert sum(result.calibration.rows) == result.rows
        assert max(result.calibration.predicted) <= 1


# Saving


@pytest.mark.parametrize("number", range(3))
def test_json_gives_the_same_evaluation_back(number):
    evaluation = evaluations()[number]
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    assert Evaluation.from_json(json.loads(text)) == evaluation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "ranking"}, "its task is 'ranking'"),
        ({"metrics": {}}, "needs at least one metric"),
        ({"metrics": [1]}, "'list' object has no attribute 'items'"),
        ({"confusion": []}, "needs their confusion"),
        ({"confusion": [[0, 5, 1]]}, "names a class that it does not have"),
        ({"rows": "many"}, "invalid literal"),
        ({"roc": [{"name": "yes"}]}, "it has no 'false_positive_rate'"),
    ],
)
def test_damaged_json_is_refused_with_the_reason(change, message):
    data = evaluations()[0].to_json() | change
    with pytest.raises(ValueError, match=f"not a saved evaluation: .*{message}"):
        Evaluation.from_json(data)


def test_missing_json_fields_are_named():
    with pytest.raises(ValueError, match="it has no 'task'"):
        Evaluation.from_json({})


# Baselines


def test_majority_baseline_is_scikit_learns_prior():
    y_train, y_test = [0, 1, 1, 2, 1, 0], np.array([1, 1, 0, 2, 2])
    result = majority_baseline(y_train, y_test, ["a", "b", "c"])
    dummy = DummyClassifier().fit(np.zeros((6, 1)), y_train)
    p = dummy.predict_proba(np.zeros((5, 1)))
    assert result == evaluate_classes(y_test, p, ["a", "b", "c"])
    assert result.metrics["accuracy"] == pytest.approx(2 / 5)
    assert result.metrics["roc_auc"] == 0.5


def test_majority_baseline_knows_classes_that_training_lacks():
    result = majority_baseline([0, 0], [0, 1], ["a", "b"])
    assert result.metrics["accuracy"] == 0.5
    assert np.isfinite(result.metrics["log_loss"])


def test_mean_baseline_is_scikit_learns_dummy():
    y_train, y_test = np.array([1.0, 2.0, 6.0]), np.array([2.0, 4.0])
    dummy = DummyRegressor().fit(np.zeros((3, 1)), y_train)
    expected = evaluate_regression(y_test, dummy.predict(np.zeros((2, 1))))
    assert mean_baseline(y_train, y_test) == expected


def test_baselines_need_training_rows():
    with pytest.raises(ValueError, match="y_train is empty"):
        majority_baseline([], [0], ["a", "b"])
    with pytest.raises(ValueError, match="y_train is empty"):
        mean_baseline([], [0.0])


# Influence


def linear_loss(X, y):
    return float(np.mean((X @ np.array([3.0, 1.0, 0.0]) - y) ** 2))


def linear_data(rows=400):
    X = np.random.default_rng(0).normal(size=(rows, 3))
    return X, X @ np.array([3.0, 1.0, 0.0])


def test_influence_is_sorted_and_follows_the_weights():
    X, y = linear_data()
    groups = {"none": [2], "small": [1], "large": [0]}
    ranking = column_influence(linear_loss, X, y, groups, repeats=20)
    assert [found.column for found in ranking] == ["large", "small", "none"]
    # Shuffling column j adds w_j^2 E[(x_j - x'_j)^2] = 2 w_j^2 to the squared error.
    assert ranking[0].increase == pytest.approx(18, rel=0.1)
    assert ranking[1].increase == pytest.approx(2, rel=0.1)
    assert (ranking[2].increase, ranking[2].deviation) == (0, 0)
    assert 0 < ranking[0].deviation < 2


def test_influence_agrees_with_scikit_learn_within_its_deviation():
    X, y = linear_data()
    model = LinearRegression().fit(X, y)
    theirs = permutation_importance(
        model, X, y, scoring="neg_mean_squared_error", n_repeats=30, random_state=0
    )
    ours = column_influence(linear_loss, X, y, {"large": [0]}, repeats=30)[0]
    assert ours.increase == pytest.approx(theirs.importances_mean[0], rel=0.05)
    assert ours.deviation == pytest.approx(theirs.importances_std[0], rel=0.7)


def test_the_inputs_of_one_column_are_shuffled_together():
    X, _ = linear_data()
    twice = np.column_stack([X[:, 0], X[:, 0]])

    def distance(X, y):
        """Rises only where the two inputs are not of the same row."""
        return float(np.mean((X[:, 0] - X[:, 1]) ** 2))

    together = column_influence(distance, twice, twice[:, 0], {"both": [0, 1]})
    apart = column_influence(distance, twice, twice[:, 0], {"a": [0], "b": [1]})
    assert together[0].increase == 0
    assert min(found.increase for found in apart) > 1


def test_influence_is_the_same_for_the_same_seed_and_any_order_of_columns():
    X, y = linear_data()
    groups = {"a": [0], "b": [1], "c": [2]}
    first = column_influence(linear_loss, X, y, groups, seed=3)
    turned = column_influence(linear_loss, X, y, dict(reversed(groups.items())), seed=3)
    assert set(first) == set(turned)
    assert first != column_influence(linear_loss, X, y, groups, seed=4)


def test_huge_tables_are_subsampled():
    X, y = linear_data(rows=3000)
    seen = []

    def counting_loss(X, y):
        seen.append(len(X))
        return linear_loss(X, y)

    column_influence(counting_loss, X, y, {"a": [0], "b": [1]}, repeats=2, work=4000)
    assert seen == [1000] * 5
    seen.clear()
    column_influence(counting_loss, X, y, {"a": [0]}, repeats=1, work=1)
    assert seen == [200, 200]


def test_influence_leaves_its_inputs_alone():
    X, y = linear_data()
    before = X.copy()
    column_influence(linear_loss, X, y, {"a": [0]})
    np.testing.assert_array_equal(X, before)


def test_no_columns_and_columns_without_inputs():
    X, y = linear_data()
    assert column_influence(linear_loss, X, y, {}) == ()
    dropped = column_influence(linear_loss, X, y, {"dropped": []})[0]
    assert (dropped.increase, dropped.deviation) == (0, 0)


def test_one_repeat_has_no_deviation():
    X, y = linear_data()
    assert column_influence(linear_loss, X, y, {"a": [0]}, repeats=1)[0].deviation == 0


def test_influence_errors_name_the_column():
    X, y = linear_data()
    with pytest.raises(ValueError, match=r"column 'a' has input positions \[3\]"):
        column_influence(linear_loss, X, y, {"a": [3]})
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        column_influence(linear_loss, X, y, {"a": [0]}, repeats=0)
    with pytest.raises(ValueError, match="X has 400 rows but y has 3"):
        column_influence(linear_loss, X, y[:3], {"a": [0]})
    with pytest.raises(ValueError, match=r"shape \(rows, inputs\)"):
        column_influence(linear_loss, X[:, 0], y, {"a": [0]})


def test_a_loss_that_is_not_finite_is_an_error():
    X, y = linear_data()

    def breaks_when_shuffled(shuffled, y):
        return 0.0 if np.array_equal(shuffled, X) else np.nan

    with pytest.raises(ValueError, match="the loss is nan with 'a' shuffled"):
        column_influence(breaks_when_shuffled, X, y, {"a": [0]})
