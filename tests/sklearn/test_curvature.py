"""Inverses of what the second derivative is about."""

import numpy as np
import pytest

from chainrule.sklearn.curvature import inverse, kronecker


def gram_of(columns, rank, seed=0):
    X = np.random.default_rng(seed).normal(size=(rank, columns))
    units = np.geomspace(1e-3, 1e3, columns)
    return (X * units).T @ (X * units)


@pytest.mark.parametrize("rank", [3, 6, 20])
@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_inverse_solves_with_gram_and_ridge(rank, ridge):
    gram, ridges = gram_of(6, rank), np.full(6, ridge)
    x = np.random.default_rng(1).normal(size=6) / np.geomspace(1e-3, 1e3, 6)
    whole = gram + np.diag(ridges)
    np.testing.assert_allclose(inverse(gram, ridges)(whole @ x), x, rtol=1e-5)


@pytest.mark.parametrize("rank", [2, 20])
def test_columns_that_are_0_everywhere(rank):
    gram = np.zeros((6, 6))
    gram[np.ix_([1, 3, 4], [1, 3, 4])] = gram_of(3, rank)
    ridges = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 0.0])
    x = np.array([1.0, -1e3, 3.0, 4.0, 5e-3, 0.0])
    whole = gram + np.diag(ridges)
    np.testing.assert_allclose(inverse(gram, ridges)(whole @ x), x, rtol=1e-5)
    p = np.array([0.6, 0.4])
    mixing = np.diag(p) - np.outer(p, p)
    whole = np.kron(gram, mixing) + np.kron(np.diag(ridges), np.eye(2))
    x = np.repeat(x, 2) * np.tile([1.0, -2.0], 6)
    found = kronecker(gram, mixing, ridges)(whole @ x)
    np.testing.assert_allclose(found, x, rtol=1e-5, atol=1e-7)


def test_where_nothing_bends_the_gradient_is_not_blown_up():
    gram = np.outer([1.0, 1.0, 0.0], [1.0, 1.0, 0.0])
    noise = np.array([1e-17, -1e-17, 0.0])
    assert np.abs(inverse(gram, np.zeros(3))(noise)).max() < 1e-15
    # A ridge has an inverse of 1e8 there; what rounding leaves of a gradient is noise.
    g = np.array([1.0, 1.0, 0.0])
    step = inverse(gram, np.full(3, 1e-8))(g + noise)
    np.testing.assert_allclose(step, g / 2, rtol=1e-6)
    # Where there is more of one it is meant.
    g = np.array([1e-3, -1e-3, 0.0])
    np.testing.assert_allclose(inverse(gram, np.full(3, 1e-8))(g), 1e8 * g, rtol=1e-4)


def test_a_table_of_nothing_but_0():
    g = np.array([1.0, 2.0])
    ridge = np.array([2.0, 0.0])
    np.testing.assert_allclose(inverse(np.zeros((2, 2)), ridge)(g), [0.5, 2.0])
    mixing = np.array([[0.25, -0.25], [-0.25, 0.25]])
    found = kronecker(np.zeros((2, 2)), mixing, ridge)(np.repeat(g, 2) * [1, -1, 1, -1])
    np.testing.assert_allclose(found, [0.5, -0.5, 2.0, -2.0])


@pytest.mark.parametrize("rank", [4, 20])
def test_kronecker_solves_with_the_product_and_the_ridge(rank):
    gram, ridges = gram_of(5, rank), np.full(5, 0.5)
    p = np.array([0.5, 0.3, 0.2])
    mixing = np.diag(p) - np.outer(p, p)
    whole = np.kron(gram, mixing) + np.kron(np.diag(ridges), np.eye(3))
    x = np.random.default_rng(2).normal(size=15)
    found = kronecker(gram, mixing, ridges)(whole @ x)
    np.testing.assert_allclose(found, x, rtol=1e-6, atol=1e-7)
