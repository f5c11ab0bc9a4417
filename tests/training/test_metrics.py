"""Every metric against scikit-learn's on random data, and at the edges by hand."""

import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve as reference_calibration

from chainrule.training import metrics

SEEDS = range(5)
LABELS = np.array(["ant", "bee", "cat", "dog"])


def random_labels(seed, rows=60):
    rng = np.random.default_rng(seed)
    return rng.choice(LABELS, rows), rng.choice(LABELS, rows), rng.random(rows)


def random_probabilities(seed, classes, rows=80):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    p = rng.dirichlet(np.ones(classes), rows)
    return y, p, rng.random(rows)


def random_binary(seed, rows=80):
    """Scores on a coarse grid, so that many tie."""
    y, p, weight = random_probabilities(seed, 2, rows)
    return y, np.round(p[:, 1], 1), weight


def weightings(weight):
    return [None, weight, np.where(weight < 0.3, 0.0, weight)]


# Labels


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.accuracy, reference.accuracy_score),
        (metrics.balanced_accuracy, reference.balanced_accuracy_score),
        (metrics.confusion_matrix, reference.confusion_matrix),
    ],
)
def test_label_metrics_agree_with_scikit_learn(seed, ours, theirs):
    y, predicted, weight = random_labels(seed)
    for w in weightings(weight):
        expected = theirs(y, predicted, sample_weight=w)
        np.testing.assert_allclose(
            ours(y, predicted, sample_weight=w), expected, rtol=1e-12
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_precision_recall_f1_agree_with_scikit_learn(seed):
    y, predicted, weight = random_labels(seed)
    y = np.where(y == "dog", "cat", y)  # a class that is predicted and never true
    for w in weightings(weight):
        scores = metrics.precision_recall_f1(y, predicted, sample_weight=w)
        each = reference.precision_recall_fscore_support(
            y, predicted, sample_weight=w, zero_division=0
        )
        assert scores.classes == tuple(LABELS)
        for ours, theirs in zip(
            (scores.precision, scores.recall, scores.f1, scores.support),
            each,
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        macro = reference.precision_recall_fscore_support(
            y, predicted, sample_weight=w, zero_division=0, average="macro"
        )
        np.testing.assert_allclose(
            (scores.macro_precision, scores.macro_recall, scores.macro_f1), macro[:3]
        )


def test_confusion_matrix_keeps_the_order_of_classes_and_counts_absent_ones():
    C = metrics.confusion_matrix(["b", "a"], ["b", "b"], classes=["c", "b", "a"])
    assert C.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_one_class_answered_perfectly():
    y = [7, 7, 7]
    assert metrics.accuracy(y, y) == 1
    assert metrics.balanced_accuracy(y, y) == 1
    assert metrics.confusion_matrix(y, y).tolist() == [[3]]
    assert metrics.precision_recall_f1(y, y).macro_f1 == 1


@pytest.mark.parametrize(
    ("y", "predicted", "message"),
    [
        ([], [], "y is empty"),
        (["a"], ["a", "b"], "y has 1 rows but predicted has 2"),
        ([1.0, np.nan], [1.0, 1.0], "row 1 of y is missing"),
        (["a", "b"], np.array(["a", None], dtype=object), "row 1 of predicted is miss"),
        ([[1], [2]], [1, 2], r"y must have shape \(rows,\)"),
        (["1", "2"], [1, 2], "text never equals a number"),
    ],
)
def test_label_errors_name_what_is_wrong(y, predicted, message):
    for metric in (
        metrics.accuracy,
        metrics.balanced_accuracy,
        metrics.confusion_matrix,
        metrics.precision_recall_f1,
    ):
        with pytest.raises(ValueError, match=message):
            metric(y, predicted)


def test_classes_must_be_complete_and_different():
    with pytest.raises(ValueError, match="label 'b' is not among classes"):
        metrics.confusion_matrix(["a", "b"], ["a", "a"], classes=["a"])
    with pytest.raises(ValueError, match="same class twice"):
        metrics.confusion_matrix(["a"], ["a"], classes=["a", "a"])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], r"sample_weight must have shape \(2,\)"),
        ([1.0, -1.0], "row 1 of sample_weight is negative"),
        ([0.0, 0.0], "nothing counts"),
        ([1.0, np.nan], "sample_weight is nan in row 1"),
        (["one", "two"], "sample_weight must be numbers"),
    ],
)
def test_weights_are_checked_by_every_metric(weight, message):
    for metric in (
        metrics.accuracy,
        metrics.balanced_accuracy,
        metrics.confusion_matrix,
        metrics.precision_recall_f1,
        metrics.log_loss,
        metrics.brier_score,
        metrics.roc_curve,
        metrics.roc_auc,
        metrics.calibration_curve,
        metrics.expected_calibration_error,
        metrics.mean_squared_error,
        metrics.root_mean_squared_error,
        metrics.mean_absolute_error,
        metrics.r2_score,
    ):
        with pytest.raises(ValueError, match=message):
            metric([0, 1], [0.0, 1.0], sample_weight=weight)


# Probabilities


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("classes", [2, 5])
def test_log_loss_and_brier_score_agree_with_scikit_learn(seed, classes):
    y, p, weight = random_probabilities(seed, classes)
    for w in weightings(weight):
        assert metrics.log_loss(y, p, sample_weight=w) == pytest.approx(
            reference.log_loss(y, p, sample_weight=w), rel=1e-12
        )
        assert metrics.brier_score(y, p, sample_weight=w) == pytest.approx(
            reference.brier_score_loss(y, p, sample_weight=w), rel=1e-12
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_and_wrong_costs_much_but_not_infinity(dtype):
    p = np.array([0.0, 1.0, 1.0], dtype=dtype)
    loss = metrics.log_loss([1, 1, 1], p)
    assert loss == pytest.approx(reference.log_loss([1, 1, 1], p, labels=[0, 1]))
    assert metrics.log_loss([1], [1.0]) == pytest.approx(0, abs=1e-15)
    assert metrics.brier_score([1, 0], [0.0, 1.0]) == 1


def test_probabilities_of_two_classes_may_have_one_column_or_two():
    y, p, _ = random_probabilities(0, 2)
    for metric in (metrics.log_loss, metrics.brier_score, metrics.roc_auc):
        assert metric(y, p) == pytest.approx(metric(y, p[:, 1]), rel=1e-12)


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([], [], "probabilities is empty"),
        ([0], [np.nan], "probabilities is nan in row 0"),
        ([0], [[0.5, np.inf]], "probabilities is inf in row 0, column 1"),
        ([np.nan], [0.5], "y is nan in row 0"),
        ([0, 1], [0.5], "y has 2 rows but probabilities has 1"),
        ([0], [2.5], "row 0 of probabilities is not between 0 and 1: .* not logits"),
        ([0], [[0.5, 0.2]], "row 0 of probabilities does not sum to 1"),
        ([2], [[0.5, 0.5]], "row 0 of y is not a class number from 0 to 1"),
        ([0.5], [[0.5, 0.5]], "row 0 of y is not a class number"),
        ([[0]], [[0.5, 0.5]], r"y must have shape \(rows,\)"),
        (["yes"], [0.5], "y must be numbers"),
        ([0], [[[0.5]]], "one entry a row"),
    ],
)
def test_probability_errors_name_what_is_wrong(y, p, message):
    for metric in (
        metrics.log_loss,
        metrics.brier_score,
        metrics.expected_calibration_error,
    ):
        with pytest.raises(ValueError, match=message):
            metric(y, p)


# ROC


@pytest.mark.parametrize("seed", SEEDS)
def test_roc_agrees_with_scikit_learn_ties_included(seed):
    y, score, weight = random_binary(seed)
    for w in weightings(weight):
        ours = metrics.roc_curve(y, score, sample_weight=w)
        theirs = reference.roc_curve(y, score, sample_weight=w, drop_intermediate=False)
        # Weighted sums round, so which points count as corners may differ: the
        # curves are compared at every false positive rate instead.
        at = np.linspace(0, 1, 101) + 1e-9
        np.testing.assert_allclose(
            np.interp(at, ours.false_positive_rate, ours.true_positive_rate),
            np.interp(at, theirs[0], theirs[1]),
            atol=1e-12,
        )
        assert metrics.roc_auc(y, score, sample_weight=w) == pytest.approx(
            reference.roc_auc_score(y, score, sample_weight=w), rel=1e-12
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_unweighted_roc_keeps_the_same_corners_as_scikit_learn(seed):
    y, score, _ = random_binary(seed)
    for ours, theirs in zip(
        metrics.roc_curve(y, score), reference.roc_curve(y, score), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_against_the_rest_agrees_with_scikit_learn(seed):
    y, p, weight = random_probabilities(seed, 4)
    for w in weightings(weight):
        assert metrics.roc_auc(y, p, sample_weight=w) == pytest.approx(
            reference.roc_auc_score(y, p, multi_class="ovr", sample_weight=w),
            rel=1e-12,
        )


def test_a_class_without_rows_is_left_out_of_the_mean():
    y, p, _ = random_probabilities(1, 3)
    absent = np.where(y == 2, 0, y)
    expected = [reference.roc_auc_score(absent == k, p[:, k]) for k in (0, 1)]
    assert metrics.roc_auc(absent, p) == pytest.approx(np.mean(expected))


def test_roc_of_perfect_reversed_and_constant_scores():
    y = [0, 0, 1, 1]
    assert metrics.roc_auc(y, [0.1, 0.2, 0.8, 0.9]) == 1
    assert metrics.roc_auc(y, [0.9, 0.8, 0.2, 0.1]) == 0
    assert metrics.roc_auc(y, [0.3, 0.3, 0.3, 0.3]) == 0.5
    curve = metrics.roc_curve(y, [0.3, 0.3, 0.3, 0.3])
    assert curve.true_positive_rate.tolist() == [0, 1]
    assert curve.thresholds.tolist() == [np.inf, 0.3]


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30
    ).filter(lambda pairs: len({positive for positive, _ in pairs}) == 2)
)
@settings(max_examples=60)
def test_area_is_the_chance_that_a_positive_scores_higher(pairs):
    positives = [score for positive, score in pairs if positive]
    negatives = [score for positive, score in pairs if not positive]
    chance = np.mean(
        [(p > n) + 0.5 * (p == n) for p in positives for n in negatives],
    )
    y, scores = zip(*pairs, strict=True)
    assert metrics.roc_auc(y, scores) == pytest.approx(chance)


@pytest.mark.parametrize(
    ("y", "scores", "message"),
    [
        ([1, 1], [0.2, 0.3], "every row of y is 1: a ROC curve needs rows of both"),
        ([0, 0], [0.2, 0.3], "every row of y is 0"),
        ([2, 2], np.full((2, 3), 1 / 3), "every row of y is class 2"),
        ([0, 2], [0.2, 0.3], "row 1 of y is neither 0 nor 1"),
        ([0, 1], [0.2, np.nan], "scores is nan in row 1"),
        ([], [], "scores is empty"),
        ([0, 1, 1], [0.2, 0.3], "y has 3 rows but scores has 2"),
        ([[0], [1]], [0.2, 0.3], "needs y and scores of shape"),
    ],
)
def test_roc_errors_name_what_is_wrong(y, scores, message):
    with pytest.raises(ValueError, match=message):
        metrics.roc_auc(y, scores)


def test_rows_without_weight_do_not_count_as_a_kind():
    with pytest.raises(ValueError, match="every row of y is 1"):
        metrics.roc_auc([0, 1], [0.1, 0.2], sample_weight=[0, 1])


# Calibration


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 5, 10])
def test_calibration_curve_agrees_with_scikit_learn(seed, strategy, bins):
    y, p, _ = random_probabilities(seed, 2)
    ours = metrics.calibration_curve(y, p[:, 1], bins=bins, strategy=strategy)
    observed, predicted = reference_calibration(
        y, p[:, 1], n_bins=bins, strategy=strategy
    )
    np.testing.assert_allclose(ours.observed, observed)
    np.testing.assert_allclose(ours.predicted, predicted)
    assert ours.rows.sum() == len(y)


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_calibration_error_is_the_mean_gap_of_the_bins(seed):
    y, p, weight = random_binary(seed)
    gap = 0.0
    for low in np.arange(10) / 10:
        in_bin = (p > low + 1e-9) & (p <= low + 0.1 + 1e-9)
        in_bin |= (low == 0) & (p == 0)
        gap += abs(np.sum(weight[in_bin] * (y[in_bin] - p[in_bin])))
    # Scores on the grid lie on the edges of bins, where rounding decides: move them.
    error = metrics.expected_calibration_error(y, p - 1e-9, sample_weight=weight)
    assert error == pytest.approx(gap / weight.sum(), abs=1e-6)


def test_many_classes_are_calibrated_by_their_most_likely_one():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.9, 0.1, 0.0]])
    confidence, right = p.max(axis=1), np.array([1, 0, 1, 1])
    error = metrics.expected_calibration_error([0, 0, 2, 0], p)
    assert error == pytest.approx(
        metrics.expected_calibration_error(right, confidence), abs=1e-12
    )
    assert error == pytest.approx((0.4 + 0.7 + 0.2 + 0.1) / 4)


def test_perfect_and_always_wrong_calibration():
    assert metrics.expected_calibration_error([0, 1], [0.0, 1.0]) == 0
    assert metrics.expected_calibration_error([1, 0], [0.0, 1.0]) == 1
    constant = metrics.calibration_curve([0, 1, 1, 1], [0.75] * 4, strategy="quantile")
    assert (constant.predicted, constant.observed, constant.rows) == (0.75, 0.75, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 0}, "bins must be at least 1"),
        ({"strategy": "even"}, "strategy must be 'uniform' or 'quantile'"),
    ],
)
def test_calibration_settings_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.calibration_curve([0, 1], [0.1, 0.2], **arguments)


def test_calibration_curve_is_of_one_class():
    with pytest.raises(ValueError, match="those of one class"):
        metrics.calibration_curve([0, 1], [[0.1, 0.9], [0.2, 0.8]])


# Numbers


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(40,), (40, 3)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.mean_squared_error, reference.mean_squared_error),
        (metrics.root_mean_squared_error, reference.root_mean_squared_error),
        (metrics.mean_absolute_error, reference.mean_absolute_error),
        (metrics.r2_score, reference.r2_score),
    ],
)
def test_regression_metrics_agree_with_scikit_learn(seed, shape, ours, theirs):
    rng = np.random.default_rng(seed)
    y = 1e6 * rng.normal(3, 1, shape)
    predicted = y + 1e5 * rng.normal(0, 1, shape)
    for w in weightings(rng.random(len(y))):
        expected = theirs(y, predicted, sample_weight=w)
        assert ours(y, predicted, sample_weight=w) == pytest.approx(expected, rel=1e-9)


def test_r2_of_a_constant_target():
    y = [0.1, 0.1, 0.1]
    assert metrics.r2_score(y, y) == 1
    assert metrics.r2_score(y, [0.1, 0.1, 0.2]) == 0
    assert metrics.r2_score([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == 0


def test_integers_do_not_wrap_around():
    y = np.array([0, 255], dtype=np.uint8)
    predicted = np.array([255, 0], dtype=np.uint8)
    assert metrics.mean_squared_error(y, predicted) == 255**2
    assert metrics.mean_absolute_error(y, predicted) == 255


@pytest.mark.parametrize(
    ("y", "predicted", "message"),
    [
        ([], [], "y is empty"),
        ([1.0, np.nan], [1.0, 2.0], "y is nan in row 1"),
        ([1.0, 2.0], [1.0, -np.inf], "predicted is -inf in row 1"),
        ([1.0, 2.0], [1.0], r"y has shape \(2,\) but predicted has \(1,\)"),
        ([1.0, 2.0], [[1.0], [2.0]], r"predicted has \(2, 1\)"),
        ([1.0, 2.0], [1e200, 2.0], "too large to be squared"),
    ],
)
def test_regression_errors_name_what_is_wrong(y, predicted, message):
    for metric in (
        metrics.mean_squared_error,
        metrics.root_mean_squared_error,
        metrics.mean_absolute_error,
        metrics.r2_score,
    ):
        with pytest.raises(ValueError, match=message):
            metric(y, predicted)


def test_r2_needs_two_rows():
    with pytest.raises(ValueError, match="at least two rows"):
        metrics.r2_score([1.0], [1.0])


def test_metrics_need_no_scikit_learn():
    code = "import sys, chainrule.training.metrics; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 (own code)
