import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables import TableError
from chainrule.tables.numbers import (
    KNOTS,
    NumberColumn,
    QuantileColumn,
    moments,
    scores,
    standardise,
)


def test_numbers_have_mean_0_and_sd_1(column, encode):
    values = np.random.default_rng(0).lognormal(3, 2, 1000)
    fitted = NumberColumn.fit("x", column(*values))
    z = np.array(encode(fitted, *values)[0])
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1, rel=1e-6)


def test_missing_numbers_become_the_median_and_a_flag(column, encode):
    fitted = NumberColumn.fit("x", column(1, 2, None, 9))
    assert fitted.inputs == ("x", "x is missing")
    assert (fitted.center, fitted.median) == (4.0, 2.0)
    X, findings = encode(fitted, None, 4)
    assert X[0] == [pytest.approx((2 - 4) / fitted.scale), 1.0]
    assert X[1] == [0.0, 0.0]
    assert findings == []


def test_missing_numbers_that_training_had_none_of(column, encode):
    fitted = NumberColumn.fit("x", column(1, 2, 9))
    assert encode(fitted, 4, None, None) == (
        [[0.0], [pytest.approx(-2 / fitted.scale)], [pytest.approx(-2 / fitted.scale)]],
        ["column 'x': missing in rows 2 and 3; the median 2 stands for it"],
    )


def test_numbers_in_another_form(encode):
    fitted = NumberColumn("x", center=0.0, scale=1.0, median=0.0, flagged=False)
    assert encode(fitted, " 5 ", "1e1") == ([[5.0], [10.0]], [])
    assert encode(fitted, True, False) == ([[1.0], [0.0]], [])
    assert encode(fitted, None, None)[0] == [[0.0], [0.0]]
    with pytest.raises(
        TableError, match=r"'x' held numbers .* now holds 'a' \(rows 1 an"
    ):
        encode(fitted, "a", "1", "b")
    with pytest.raises(TableError, match="now holds date32"):
        encode(fitted, dt.date(2024, 1, 1))
    with pytest.raises(TableError, match="'x' is infinite in row 2"):
        encode(fitted, 1.0, math.inf)


def test_far_values_are_cut_and_told(column, encode):
    fitted = NumberColumn.fit("x", column(1, 2))
    X, findings = encode(fitted, 1e308, -1e308, 2)
    assert X == [[1e6], [-1e6], [1.0]]
    (finding,) = findings
    assert finding == (
        "column 'x': far from any seen value in rows 1 and 2; cut to 1,000,000 "
        "standard deviations from the mean"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e308, -1e308], (0.0, 1e308, 0.0)),
        ([1.7e308, 1.6e308, 1.5e308], (1.6e308, 8.16496580927726e306, 1.6e308)),
        ([5e-324, 1.5e-323], (1e-323, 5e-324, 1e-323)),
        ([0.1, 0.1, 0.1], (0.1, 1.0, 0.1)),
        ([-7.0], (-7.0, 1.0, -7.0)),
        ([1e16, 1e16 + 4], (1e16 + 2, 2.0, 1e16 + 2)),
    ],
)
def test_moments_of_any_size(values, expected):
    assert moments(np.array(values)) == pytest.approx(expected, rel=1e-14)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20))
def test_training_rows_are_finite_and_near(values):
    numbers = np.array(values)
    mean, sd, median = moments(numbers)
    assert sd > 0
    assert all(map(math.isfinite, (mean, sd, median)))
    z = standardise(numbers, mean, sd)
    assert np.abs(z).max() <= math.sqrt(len(values)) + 1


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20))
def test_moments_are_numpys(values):
    numbers = np.array(values, float)
    mean, sd, median = moments(numbers)
    assert mean == pytest.approx(numbers.mean(), abs=1e-12)
    assert sd == pytest.approx(numbers.std() or 1.0, rel=1e-12)
    assert median == np.median(numbers)


@given(st.lists(finite, min_size=1, max_size=40), st.randoms())
def test_moments_do_not_depend_on_the_order(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    assert moments(np.array(values)) == moments(np.array(shuffled))


def test_no_column_has_a_standard_deviation_of_0():
    with pytest.raises(ValueError, match="standard deviation"):
        NumberColumn("x", 0.0, math.nan, 0.0, flagged=False)


# --- robust ---


def test_a_wild_value_moves_no_robust_scale(column, encode):
    values = list(range(100))
    plain = NumberColumn.fit_robust("x", column(*values))
    wild = NumberColumn.fit_robust("x", column(*values[:-1], 1e12))
    assert plain == wild
    X = np.array(encode(wild, *values, 1e12)[0])
    assert X[-1] == pytest.approx(3.0)
    assert np.abs(X[:-1]).max() < 1.3


def test_robust_numbers_near_the_middle_are_standard_ones(column, encode):
    values = np.random.default_rng(0).normal(50, 10, 4001)
    fitted = NumberColumn.fit_robust("x", column(*values))
    assert fitted.scale == pytest.approx(10, rel=0.05)
    assert encode(fitted, fitted.center + 0.1 * fitted.scale)[0][0][0] == pytest.approx(
        0.1, rel=1e-3
    )
    assert encode(fitted, -1e300) == ([[pytest.approx(-3.0)]], [])


def test_robust_scales_of_any_size(column, encode):
    values = [-1.7e308, -1.6e308, 0, 1.6e308, 1.7e308]
    fitted = NumberColumn.fit_robust("x", column(*values))
    assert math.isfinite(fitted.scale)
    assert np.isfinite(encode(fitted, *values)[0]).all()


def test_quartiles_that_are_equal_leave_the_standard_deviation(column):
    fitted = NumberColumn.fit_robust("x", column(*[0] * 90, *[1] * 10))
    assert fitted.scale == pytest.approx(0.3)


# --- quantile ---


def test_normal_scores_are_normal_whatever_the_shape(column, encode):
    values = np.random.default_rng(0).lognormal(3, 2, 5000)
    fitted = QuantileColumn.fit("x", column(*values))
    z = np.array(encode(fitted, *values)[0])
    assert len(fitted.knots) == KNOTS + 1
    assert z.mean() == pytest.approx(0, abs=0.01)
    assert z.std() == pytest.approx(1, abs=0.02)
    assert abs((z**3).mean()) < 0.05


def test_equal_values_have_the_score_of_their_middle(column, encode):
    fitted = QuantileColumn.fit("x", column(5, 5, 5, 9))
    assert fitted.knots == (5.0, 9.0)
    assert fitted.scores == pytest.approx((-0.31864, 1.15035), abs=1e-5)
    assert encode(fitted, 0, 5, 7, 9, 99)[0] == [
        [pytest.approx(z, abs=1e-5)]
        for z in (-0.31864, -0.31864, 0.415855, 1.15035, 1.15035)
    ]


def test_missing_numbers_have_the_score_of_the_median_and_a_flag(column, encode):
    fitted = QuantileColumn.fit("x", column(1, 2, 30, None))
    assert fitted.inputs == ("x", "x is missing")
    assert encode(fitted, None, 2) == ([[0.0, 1.0], [0.0, 0.0]], [])
    unflagged = QuantileColumn.fit("x", column(1, 2, 30))
    assert encode(unflagged, None, 1)[1] == [
        "column 'x': missing in row 1; the median 2 stands for it"
    ]


@given(st.lists(finite, min_size=1, max_size=600), st.randoms())
def test_scores_ascend_and_do_not_depend_on_the_order(column, values, random):
    fitted = QuantileColumn.fit("x", column(*values, kind="float64"))
    random.shuffle(values)
    assert fitted == QuantileColumn.fit("x", column(*values, kind="float64"))
    assert scores(np.sort(np.array(values)))[0] == fitted.knots


@pytest.mark.parametrize(
    ("knots", "normal"), [((1.0, 1.0), (0.0, 1.0)), ((1.0,), (0.0, 1.0)), ((), ())]
)
def test_knots_ascend(knots, normal):
    with pytest.raises(ValueError, match="knots"):
        QuantileColumn("x", knots, normal, 0.0, flagged=False)


# --- what rows count ------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.integers(0, 5)), min_size=1, max_size=30
    ).filter(lambda pairs: any(count for _, count in pairs))
)
def test_a_weight_is_as_many_numbers(pairs):
    numbers, counts = (np.array(part) for part in zip(*pairs, strict=True))
    kept = counts > 0
    repeated = moments(numbers.repeat(counts))
    weighted = moments(numbers[kept], counts[kept])
    size = np.abs(numbers).max()
    assert weighted == pytest.approx(repeated, rel=1e-9, abs=1e-9 * size or 1e-300)
    again = np.random.default_rng(0).permutation(kept.sum())
    assert moments(numbers[kept][again], counts[kept][again]) == weighted


def test_weights_of_missing_numbers_count_nothing(column):
    values = column(1.0, None, 3.0)
    fitted = NumberColumn.fit("x", values, np.array([1.0, 100.0, 3.0]))
    assert (fitted.center, fitted.median, fitted.flagged) == (2.5, 3.0, True)
