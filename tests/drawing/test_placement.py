import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.drawing.placement import spread, spread_within

numbers = st.floats(-100, 100)


@given(st.lists(numbers, min_size=1, max_size=8), st.floats(0, 5))
def test_positions_keep_their_distances(wanted, apart):
    places = spread(wanted, [1] * len(wanted), [apart] * (len(wanted) - 1))
    assert np.all(np.diff(places) >= apart - 1e-9)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_positions_that_fit_stay(wanted):
    wanted = sorted(wanted)
    places = spread(wanted, [1] * len(wanted), [0] * (len(wanted) - 1))
    assert places == pytest.approx(wanted)


@given(
    st.lists(st.tuples(numbers, st.floats(0.1, 9)), min_size=2, max_size=5),
    st.integers(0, 99),
)
def test_no_other_positions_are_closer(items, seed):
    wanted, weights = np.transpose(items)
    apart = np.ones(len(items) - 1)

    def cost(places):
        return np.sum(weights * np.square(places - wanted))

    best = np.array(spread(wanted, weights, apart))
    rng = np.random.default_rng(seed)
    for size in (0.1, 1, 10):
        # Another choice that keeps the distances: move all, and stretch the steps.
        steps = np.maximum(np.diff(best) + rng.normal(0, size, len(apart)), apart)
        start = best[0] + rng.normal(0, size)
        other = start + np.cumsum([0, *steps])
        assert cost(best) <= cost(other) + 1e-6


@given(st.lists(numbers, max_size=9), st.floats(1, 30))
def test_positions_within_bounds_stay_there_in_order(wanted, high):
    places = spread_within(wanted, 5, 0, high)
    assert all(-1e-9 <= place <= high + 1e-9 for place in places)
    assert np.all(np.diff(places) >= -1e-9)
