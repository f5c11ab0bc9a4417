import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chainrule.tables import TableError
from chainrule.tables.skew import Transform, fit_transform, skewness

NORMAL = np.sort(np.random.default_rng(0).normal(size=2000))
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


def test_what_is_not_skewed_stays_as_it_is():
    assert fit_transform("y", NORMAL, "auto") is None
    assert fit_transform("y", np.exp(NORMAL), "none") is None
    assert fit_transform("y", np.full(5, 3.0), "log1p") is None


def test_auto_takes_a_logarithm_where_that_is_as_good():
    assert fit_transform("y", 1000 * np.exp(NORMAL), "auto").kind == "log1p"


def test_auto_takes_what_suits_negative_numbers():
    values = np.exp(NORMAL) - 3
    transform = fit_transform("y", values, "auto")
    assert transform.kind == "yeo-johnson"
    left_skewed = fit_transform("y", np.sort(-values), "auto")
    assert left_skewed.kind == "yeo-johnson"
    for found, y in ((transform, values), (left_skewed, -values)):
        assert abs(skewness(found.forward(y))) < 0.5


def test_the_power_is_the_most_likely_one():
    # scipy.stats.yeojohnson(np.exp(NORMAL) / np.median(np.exp(NORMAL))), of scipy 1.17
    stats = pytest.importorskip("scipy.stats")
    values = np.exp(NORMAL)
    found = fit_transform("y", values, "yeo-johnson")
    transformed, power = stats.yeojohnson(values / found.unit)
    assert found.power == pytest.approx(power, abs=1e-3)
    assert found.forward(values) == pytest.approx(transformed, abs=1e-3)


@given(st.lists(finite, min_size=2, max_size=30), st.floats(-3, 5))
def test_what_is_transformed_comes_back(values, power):
    y = np.sort(np.array(values))
    assume(np.ptp(y) > 0)
    unit = float(np.abs(y).max())
    transform = Transform("yeo-johnson", float(y[0]), float(y[-1]), power, unit)
    t = transform.forward(y)
    assert (np.diff(t) >= 0).all()
    assert transform.inverse(t) == pytest.approx(y, rel=1e-6, abs=1e-9 * unit)


@given(
    st.lists(finite, min_size=2, max_size=30),
    st.sampled_from(["auto", "yeo-johnson", "quantile"]),
)
def test_a_wild_prediction_stays_near_the_training_range(values, kind):
    y = np.sort(np.array(values))
    transform = fit_transform("y", y, kind)
    assume(transform is not None)
    found = transform.inverse(np.array([-1e9, 0.0, 1e9]))
    span = np.ptp(y) * (1 + 1e-6) + 1e-30
    assert np.isfinite(found).all()
    assert found.min() >= y[0] - span
    assert found.max() <= y[-1] + span
    assert y[0] < 0 or found.min() >= 0


def test_a_logarithm_of_numbers_from_minus_one_down_is_refused():
    with pytest.raises(TableError, match=r"-1 at least.*\(2 are not\); take .*yeo-"):
        fit_transform("y", np.array([-1.0, -1.0, 5.0]), "log1p")
    transform = fit_transform("y", np.array([-0.5, 0.0, 7.0]), "log1p")
    assert transform.inverse(np.array([-99.0])) == pytest.approx([-0.75])


def test_an_unknown_transform_is_refused():
    with pytest.raises(TableError, match=r"one of none, auto, log1p.*; not 'log'"):
        fit_transform("y", NORMAL, "log")


@pytest.mark.parametrize("wrong", [{"low": 2.0}, {"unit": 0.0}, {"low": -1.0}])
def test_a_damaged_transform_is_refused(wrong):
    with pytest.raises(ValueError, match="a transform from"):
        Transform(**{"kind": "log1p", "low": 0.0, "high": 1.0, **wrong})


def test_a_transform_of_quantiles_needs_knots():
    with pytest.raises(ValueError, match="knots"):
        Transform("quantile", 0.0, 1.0)
