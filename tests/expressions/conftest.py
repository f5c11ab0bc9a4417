import numpy as np
import pytest

from chainrule.ir import Graph, topological, verify


def _matches(actual, expected, tolerance=1e-12):
    """A tensor has the shape, the dtype and the elements of an array."""
    leaves = [x for x in topological([actual.value]) if x.operation is None]
    verify(Graph(tuple(leaves), (actual.value,)))
    expected = np.asarray(expected)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(
        actual.numpy(), expected, rtol=tolerance, atol=tolerance, strict=True
    )


@pytest.fixture(scope="session")
def matches():
    return _matches
