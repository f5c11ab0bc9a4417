"""Nested containers are taken apart and put together again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tree import flatten, map_leaves, unflatten

LEAVES = st.one_of(st.none(), st.text(max_size=2), st.floats(allow_nan=False))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
    ),
    max_leaves=12,
)


@given(TREES)
def test_round_trip(tree):
    leaves, structure = flatten(tree)
    assert unflatten(structure, iter(leaves)) == tree
    assert hash(structure) == hash(flatten(tree)[1])


def test_a_list_of_numbers_is_one_leaf():
    leaves, _ = flatten({"W": [[1, 2.0], [3, 4]], "b": (1, [True])})
    assert leaves == [[[1, 2.0], [3, 4]], 1, [True]]


def test_a_list_with_anything_else_is_a_container():
    x = np.ones(2)
    leaves, _ = flatten([1, x])
    assert leaves[0] == 1
    assert leaves[1] is x


def test_map_leaves():
    assert map_leaves(lambda v: v * 2, {"a": (1, "b")}) == {"a": (2, "bb")}
