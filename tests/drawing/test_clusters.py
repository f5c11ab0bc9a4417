import numpy as np

from chainrule.drawing.clusters import cluster
from chainrule.drawing.folding import fold
from chainrule.ir import scope
from chainrule.ops import add, broadcast, matmul, negate, tanh


def boxes_of(output, most):
    folded = fold([output])
    boxes = cluster(folded, most)
    place = {v: i for i, box in enumerate(boxes) for v in box.values}
    assert len(place) == sum(len(box.values) for box in boxes)
    assert set(place) == set(folded.values)
    for value in folded.values:
        for x in folded.inputs(value):
            assert place[x] <= place[value]
    return boxes


def titles(boxes):
    return [box.title for box in boxes if len(box.values) > 1]


def dense(graphs, x, name):
    W, b = graphs.leaf(np.eye(2), "W"), graphs.leaf(np.zeros(2), "b")
    with scope(name):
        return tanh(add(matmul(x, W), broadcast(b, (1, 2), (0,))))


def stacked(graphs, blocks, layers):
    h = graphs.leaf(np.ones((1, 2)), "X")
    for i in range(blocks):
        with scope(f"block{i}"):
            for j in range(layers):
                h = dense(graphs, h, f"dense{j}")
    return negate(h)


def test_a_small_graph_has_a_box_for_each_value(graphs):
    boxes = boxes_of(graphs.lecture(), 7)
    assert [len(box.values) for box in boxes] == [1] * 7


def test_layers_become_boxes_with_their_weights(graphs):
    boxes = boxes_of(stacked(graphs, 1, 3), 10)
    assert titles(boxes) == [f"block0.dense{i}" for i in range(3)]
    assert [len(box.values) for box in boxes] == [1, 1, 1, 4, 6, 6, 1]
    assert boxes[0].values[0].name == "X"


def test_outer_layers_become_boxes_where_inner_ones_are_too_many(graphs):
    boxes = boxes_of(stacked(graphs, 3, 5), 15)
    assert titles(boxes) == ["block0", "block1", "block2"]


def test_there_are_never_more_boxes_than_asked_for(graphs):
    assert len(boxes_of(stacked(graphs, 3, 5), 4)) == 4


def test_a_layer_that_is_used_twice_has_two_boxes(graphs):
    h = graphs.leaf(np.ones((1, 2)), "X")
    for name in ("a", "b", "a"):
        h = dense(graphs, h, name)
    assert titles(boxes_of(h, 8)) == ["a", "b", "a"]


def test_a_long_chain_without_layers_keeps_its_ends(graphs):
    y = graphs.leaf(1.0, "x")
    for _ in range(100_000):
        y = negate(y)
    boxes = boxes_of(y, 150)
    assert len(boxes) == 31
    assert boxes[0].values[0].name == "x"
    assert boxes[-1].values == (y,)
    assert max(len(box.values) for box in boxes) == 100_001 - 30
