"""Constructors give what NumPy's do, in float32."""

import numpy as np
import pytest

import chainrule as cr

CASES = [
    (cr.zeros((2, 3)), np.zeros((2, 3), np.float32)),
    (cr.ones(2), np.ones(2, np.float32)),
    (cr.full((2,), 7, np.int32), np.full(2, 7, np.int32)),
    (cr.eye(2, 3), np.eye(2, 3, dtype=np.float32)),
    (cr.arange(4), np.arange(4)),
    (cr.arange(1.0, 2.0, 0.25), np.arange(1, 2, 0.25, dtype=np.float32)),
    (cr.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype=np.float32)),
    (cr.zeros_like(cr.arange(3)), np.zeros(3, np.int64)),
    (cr.ones_like([1.0, 2.0]), np.ones(2, np.float32)),
]


@pytest.mark.parametrize(("got", "expected"), CASES)
def test_constructors(got, expected):
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got.numpy(), expected)


def test_like_a_traced_tensor():
    f = cr.compile(lambda x: cr.zeros_like(x) + 2 * cr.ones_like(x))
    assert f(cr.tensor([5.0, 6.0])).tolist() == [2.0, 2.0]
