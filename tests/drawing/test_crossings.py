from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.drawing.crossings import count_crossings, reduce_crossings


def graph(links, layers):
    count = 1 + max(node for layer in layers for node in layer)
    before, after = ([[] for _ in range(count)] for _ in range(2))
    for a, b in links:
        after[a].append(b)
        before[b].append(a)
    return before, after


def crossings_by_hand(links, layers):
    """Compare every pair of links between the same two layers."""
    place = {n: (i, j) for i, layer in enumerate(layers) for j, n in enumerate(layer)}
    return sum(
        (place[a][1] - place[c][1]) * (place[b][1] - place[d][1]) < 0
        for (a, b), (c, d) in combinations(links, 2)
        if place[a][0] == place[c][0]
    )


two_layers = st.lists(
    st.tuples(st.integers(0, 5), st.integers(6, 11)), max_size=15, unique=True
)


@given(two_layers)
def test_crossings_are_counted(links):
    layers = [list(range(6)), list(range(6, 12))]
    _, after = graph(links, layers)
    assert count_crossings(layers, after) == crossings_by_hand(links, layers)


@given(two_layers)
def test_an_order_is_never_worse_than_the_one_it_starts_from(links):
    layers = [list(range(6)), list(range(6, 12))]
    before, after = graph(links, layers)
    ordered = reduce_crossings(layers, before, after)
    assert [sorted(layer) for layer in ordered] == layers
    assert count_crossings(ordered, after) <= max(
        count_crossings(layers, after), len(links) ** 2 // 4
    )


@pytest.mark.parametrize("size", [2, 5, 9])
def test_reversed_pairs_are_untangled(size):
    layers = [list(range(size)), list(range(size, 2 * size))]
    links = [(i, 2 * size - 1 - i) for i in range(size)]
    before, after = graph(links, layers)
    assert count_crossings(layers, after) == size * (size - 1) // 2
    assert count_crossings(reduce_crossings(layers, before, after), after) == 0


def test_operands_stand_in_their_order():
    layers = [[0, 1, 2], [3]]
    before, after = graph([(2, 3), (0, 3), (1, 3)], layers)
    assert reduce_crossings(layers, before, after)[0] == [2, 0, 1]
