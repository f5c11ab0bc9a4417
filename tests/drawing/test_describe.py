import numpy as np
import pytest

from chainrule.drawing import describe
from chainrule.ir import Location, TensorType, Value, scope
from chainrule.ops import add, constant, exp, less, multiply, negate, sum_, where


@pytest.fixture(scope="module")
def lecture(graphs):
    return graphs.picture(graphs.lecture())


def by_title(picture):
    return {node.title: node for node in picture.nodes}


def test_each_node_of_the_lecture_has_its_value_and_gradient(lecture):
    assert {
        node.title: (node.sign, str(node.value), str(node.gradient))
        for node in lecture.nodes
        if not node.is_number
    } == {
        "z": ("", "5", "2"),
        "x": ("", "3", "10"),
        "y": ("", "-4", "5"),
        "2x": ("×", "6", "5"),
        "2x + y": ("+", "2", "5"),
        "L": ("×", "10", "1"),
    }


def test_each_edge_of_the_lecture_has_its_local_derivative(lecture):
    nodes = lecture.nodes
    assert {
        (nodes[edge.source].title, nodes[edge.target].title): str(edge.derivative)
        for edge in lecture.edges
        if edge.flows
    } == {
        ("x", "2x"): "2",
        ("2x", "2x + y"): "1",
        ("y", "2x + y"): "1",
        ("z", "L"): "2",
        ("2x + y", "L"): "5",
    }


def test_no_gradient_flows_to_a_constant(lecture):
    (still,) = [edge for edge in lecture.edges if not edge.flows]
    assert lecture.nodes[still.source].label == "2"
    assert still.derivative is None
    assert lecture.nodes[still.source].gradient is None


def test_gradients_are_called_by_what_they_are_of(lecture):
    nodes = by_title(lecture)
    assert lecture.gradient_label(nodes["x"]) == "dL/dx"
    assert lecture.gradient_label(nodes["2x"]) == "dL/d(2x)"
    assert lecture.gradient_label(nodes["L"]) == "dL/dL"


def test_a_loss_without_name_is_named_once_it_has_gradients(graphs):
    x = graphs.leaf(2.0, "x")
    assert graphs.picture(exp(x)).nodes[-1].title == "L"
    assert describe([exp(x)]).nodes[-1].title == "exp(x)"


def test_a_name_is_not_given_twice(graphs):
    picture = graphs.picture(exp(graphs.leaf(2.0, "L")))
    assert [node.title for node in picture.nodes] == ["L", "exp(L)"]


def test_the_letter_of_the_loss_is_its_name(graphs):
    x = graphs.leaf(2.0, "x")
    picture = graphs.picture(graphs.named(exp(x), "E"))
    assert picture.gradient_label(picture.nodes[0]) == "dE/dx"


def test_without_gradients_values_and_derivatives_are_shown(graphs):
    picture = describe([exp(graphs.leaf(0.0, "x"))])
    assert not picture.has_gradients
    assert [str(node.value) for node in picture.nodes] == ["0", "None"]


def test_without_values_types_are_shown():
    x = Value(TensorType((3, 2), np.dtype(np.float32)), name="x")
    picture = describe([exp(x)])
    assert [node.shape for node in picture.nodes] == [(3, 2), (3, 2)]
    assert [node.value for node in picture.nodes] == [None, None]
    assert picture.edges[0].flows
    assert picture.edges[0].derivative is None


def test_a_value_that_is_used_twice_has_two_edges(graphs):
    x = graphs.leaf(3.0, "x")
    picture = graphs.picture(multiply(x, x))
    assert [(edge.source, edge.position) for edge in picture.edges] == [(0, 0), (0, 1)]
    assert [str(edge.derivative) for edge in picture.edges] == ["3", "3"]


def test_comparisons_pass_no_gradient(graphs):
    a, b = graphs.leaf([1, 4], "a"), graphs.leaf([2, 3], "b")
    picture = graphs.picture(sum_(where(less(a, b), a, b), (0,)))
    flows = {
        (picture.nodes[e.source].title, picture.nodes[e.target].label): e.flows
        for e in picture.edges
    }
    assert not flows["a", "<"]
    assert not flows["a < b", "where"]
    assert flows["a", "where"]


def test_a_node_says_where_it_was_made(graphs):
    with scope("hidden"):
        y = negate(graphs.leaf(1.0, "x"))
    leaf, node = describe([y]).nodes
    assert leaf.location == Location("lecture.py", 3)
    assert node.location.file == __file__
    assert node.location.layer == "hidden"


def test_numbers_are_written_in_formulas(graphs):
    half = constant(np.asarray(0.5))
    y = multiply(half, add(graphs.leaf(1.0, "x"), half))
    assert [node.title for node in describe([y]).nodes] == [
        "0.5",
        "x",
        "x + 0.5",
        "0.5·(x + 0.5)",
    ]


def test_a_leaf_without_name_is_its_number_or_an_input(graphs):
    y = sum_(multiply(graphs.leaf([1, 2]), graphs.leaf([3, 4])), (0,))
    assert describe([y]).nodes[0].title == "input"
    assert describe([negate(graphs.leaf(2.5))]).nodes[0].title == "2.5"


def test_names_become_one_plain_line(graphs):
    picture = describe([negate(graphs.leaf(1.0, "a\nb\x1b[31m"))])
    assert picture.nodes[0].title == "a b�[31m"


def test_of_a_long_name_the_end_is_the_title(graphs):
    picture = describe([negate(graphs.leaf(1.0, "encoder.layers.12.attention.W"))])
    assert picture.nodes[0].title == "…r.layers.12.attention.W"
    assert picture.nodes[0].name == "encoder.layers.12.attention.W"


@pytest.mark.parametrize("gradient", [1e-30, 1e30])
def test_gradients_that_vanish_or_explode_are_shown(graphs, gradient):
    x, y = graphs.leaf(1.0, "x"), graphs.leaf(1.0, "y")
    total = add(x, y)
    found = {x: np.asarray(gradient), y: np.asarray(1.0), total: np.asarray(1.0)}
    nodes = by_title(describe([total], found))
    assert str(nodes["x"].gradient) == f"{gradient:.0e}".replace("+", "")
    assert str(nodes["y"].gradient) == "1"


def test_a_group_shows_what_others_read_of_it(graphs):
    y = graphs.leaf([1.0, 2.0], "x")
    for i in range(60):
        with scope(f"layer{i}"):
            for _ in range(3):
                y = negate(y)
    loss = sum_(y, (0,))
    picture = graphs.picture(loss, most=100)
    group = picture.nodes[1]
    assert (group.kind, group.title, group.size) == ("group", "layer0", 3)
    assert str(group.value) == "[-1, -2]"
    assert str(group.gradient) == "[-1, -1]"
    assert picture.left_out == 180


def test_an_outline_has_no_repeated_edges(graphs):
    picture = describe([graphs.random_graph(0, 400)], most=30)
    assert len(picture.nodes) == 30
    hidden = [i for i, node in enumerate(picture.nodes) if node.kind == "group"]
    pairs = [
        (edge.source, edge.target)
        for edge in picture.edges
        if edge.source in hidden or edge.target in hidden
    ]
    assert len(hidden) == 1
    assert len(pairs) == len(set(pairs))
