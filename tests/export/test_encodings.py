import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.export.encodings import calendar, interpolated


@given(st.lists(st.integers(-2_000_000, 2_000_000), min_size=1, max_size=30))
def test_the_calendar_is_that_of_numpy(days):
    given_days = np.array(days, float) + 0.75
    year, month, day = (x.numpy() for x in calendar(cr.tensor(given_days)))
    dates = np.array(days).astype("datetime64[D]")
    assert (year == dates.astype("datetime64[Y]").astype(int) + 1970).all()
    assert (month == dates.astype("datetime64[M]").astype(int) % 12 + 1).all()
    assert (day == (dates - dates.astype("datetime64[M]")).astype(int) + 1).all()


@pytest.mark.parametrize("knots", [[2.0], [1.0, 3.0], [-1.0, 0.5, 0.75, 9.0]])
def test_lines_between_knots_are_those_of_numpy(knots):
    values = np.linspace(-2, 5, len(knots)) ** 3
    x = np.concatenate([np.linspace(-3, 12, 61), knots])
    found = interpolated(cr.tensor(x), knots, values.tolist()).numpy()
    np.testing.assert_allclose(found, np.interp(x, knots, values), rtol=1e-14)
