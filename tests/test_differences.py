import math

import pytest

from chainrule.differences import slope


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda t: 3.0, 0),
        (lambda t: 1e6 + 2 * t, 2),
        (lambda t: math.sin(0.7 + t), math.cos(0.7)),
        (lambda t: math.exp(5 * t), 5),
        (lambda t: math.exp(100 * t), 100),
        (lambda t: math.sin(1e4 * t), 1e4),
        (lambda t: 1e-8 * t, 1e-8),
    ],
)
def test_smooth_functions(f, expected):
    assert slope(f) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_the_edge_of_the_domain_is_avoided_by_small_steps():
    assert slope(lambda t: math.log(1e-3 + t) if t > -1e-3 else math.nan) == (
        pytest.approx(1e3, rel=1e-8)
    )


def test_nothing_finite_gives_nan():
    assert math.isnan(slope(lambda t: math.nan))
    assert math.isnan(slope(lambda t: math.inf))
