from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.drawing import Spacing, describe, layout

SPACING = Spacing(nodes=10, links=4)


@st.composite
def problems(draw):
    count = draw(st.integers(1, 25))
    heights = draw(st.lists(st.floats(5, 80), min_size=count, max_size=count))
    links = []
    for target in range(1, count):
        sources = st.lists(st.integers(0, target - 1), max_size=3)
        links += [(source, target) for source in draw(sources)]
    return heights, links


def points(heights, links, plan):
    """(layer, middle, height) of every node and of every point of a link."""
    yield from zip(plan.layer, plan.middle, heights, strict=True)
    seen = set()
    for (source, _), through in zip(links, plan.through, strict=True):
        for layer, middle in enumerate(through, plan.layer[source] + 1):
            if (source, layer) not in seen:
                seen.add((source, layer))
                yield layer, middle, 0.0


@given(problems())
def test_every_link_leads_to_the_right(problem):
    heights, links = problem
    plan = layout(heights, links, SPACING)
    for (source, target), through in zip(links, plan.through, strict=True):
        assert len(through) == plan.layer[target] - plan.layer[source] - 1 >= 0


@given(problems())
def test_nothing_in_a_layer_overlaps(problem):
    heights, links = problem
    plan = layout(heights, links, SPACING)
    for a, b in pairwise(sorted(points(heights, links, plan))):
        if a[0] == b[0]:
            room = SPACING.nodes if a[2] and b[2] else SPACING.links
            assert b[1] - a[1] >= (a[2] + b[2]) / 2 + room - 1e-6


@given(problems())
def test_nothing_reaches_above_the_top(problem):
    heights, links = problem
    plan = layout(heights, links, SPACING)
    tops = [m - h / 2 for _, m, h in points(heights, links, plan)]
    assert min(tops) == pytest.approx(0, abs=1e-9)


@given(problems())
def test_the_same_graph_is_laid_out_the_same_way(problem):
    assert layout(*problem, SPACING) == layout(*problem, SPACING)


def test_a_chain_is_straight():
    heights = [20.0, 60, 30, 80, 20]
    plan = layout(heights, [(i, i + 1) for i in range(4)], SPACING)
    assert plan.middle == pytest.approx([40] * 5)


def test_a_long_link_is_straight():
    # 0 -> 1 -> 2 -> 3 -> 4, and 0 -> 4 past them.
    links = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    plan = layout([20.0, 50, 20, 50, 20], links, SPACING)
    assert np.ptp(plan.through[-1]) == pytest.approx(0)


def test_links_of_one_node_share_their_way():
    links = [(0, 1), (1, 2), (2, 3), (0, 2), (0, 3)]
    plan = layout([20.0] * 4, links, SPACING)
    assert plan.through[3] == plan.through[4][:1]


def test_a_link_to_an_earlier_node_is_refused():
    with pytest.raises(ValueError, match="higher number"):
        layout([1.0, 1.0], [(1, 0)], SPACING)


def test_nothing_is_laid_out_as_nothing():
    assert layout([], [], SPACING).layer == ()


def test_several_hundred_nodes_are_laid_out(graphs):
    picture = describe([graphs.random_graph(1, 500)], most=1000)
    links = [(edge.source, edge.target) for edge in picture.edges]
    assert len(picture.nodes) > 300
    plan = layout([50.0] * len(picture.nodes), links, SPACING)
    assert all(plan.layer[a] < plan.layer[b] for a, b in links)


def test_many_operands_stand_around_their_reader():
    links = [*((i, 9) for i in range(9)), (9, 10)]
    plan = layout([20.0] * 11, links, SPACING)
    assert plan.middle[9] == pytest.approx(np.mean(plan.middle[:9]))


def test_the_first_of_two_operands_is_level_with_its_reader():
    plan = layout([20.0] * 4, [(0, 2), (1, 2), (2, 3)], SPACING)
    assert plan.middle[0] == pytest.approx(plan.middle[2])
